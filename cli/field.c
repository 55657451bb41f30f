/* Options that are fields of a request (cli.h). It must not know which. */
#include <string.h>

#include "cli/cli.h"

void
cli_field_options(const struct cli_field *fields, size_t count, const char **texts,
                  struct cli_option *options)
{
    for (size_t i = 0; i < count; i++)
        options[i] =
            (struct cli_option){fields[i].name, fields[i].value, fields[i].doc, &texts[i], NULL, 0};
}

static json_t *
words_of(const char *text)
{
    json_t *words = json_array();
    while (*text) {
        size_t len = strcspn(text, ",");
        json_array_append_new(words, json_stringn(text, len));
        text += len + (text[len] == ',');
    }
    return words;
}

/* The map that the field stands in, made if it is not there; `*name` becomes its name in it. */
static json_t *
map_of(json_t *map, const char **name)
{
    const char *dot = strchr(*name, '.');
    if (!dot)
        return map;
    json_t *inner = json_object_getn(map, *name, (size_t)(dot - *name));
    if (!inner) {
        inner = json_object();
        json_object_setn_new(map, *name, (size_t)(dot - *name), inner);
    }
    *name = dot + 1;
    return inner;
}

json_t *
cli_fields(const struct cli_command *command, const struct cli_field *fields, size_t count,
           const char *const *texts)
{
    json_t *map = json_object();
    for (size_t i = 0; i < count; i++) {
        const struct cli_field *field = &fields[i];
        int64_t number = 0;
        if (!texts[i])
            continue;
        if (field->as == CLI_AS_NUMBER && !cli_number(command, field->name, texts[i], &number)) {
            json_decref(map);
            return NULL;
        }
        const char *name = field->field;
        json_t *at = map_of(map, &name);
        json_object_set_new(at, name,
                            field->as == CLI_AS_NUMBER  ? json_integer(number)
                            : field->as == CLI_AS_WORDS ? words_of(texts[i])
                            : field->as == CLI_AS_OTHER ? field->read(texts[i])
                                                        : json_string(texts[i]));
    }
    return map;
}
