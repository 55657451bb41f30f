/* What the commands of `cbm` share: arguments, the connection, calls in JSON, tables on the
 * terminal. It must not know any service. */
#ifndef CBM_CLI_CLI_H
#define CBM_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sysexits.h>

#include "common/client/cbm.h"

#define CLI_REFUSED 1 /* exit code of an error answer; others are of sysexits */
#define CLI_LOST 3    /* … and of records that are no longer kept */

/* An option of a command. With `text` it takes a value, with `flag` it does not. */
struct cli_option {
    const char *name;  /* without dashes */
    const char *value; /* what the value is, for the help; NULL for a flag */
    const char *doc;
    const char **text;
    bool *flag;
    char letter; /* also "-o"; 0 for none */
};
#define CLI_OPTIONS_END                                                                            \
    {                                                                                              \
        NULL, NULL, NULL, NULL, NULL, 0                                                            \
    }

struct cli_command {
    const char *name;
    const char *arguments; /* "SERVICE METHOD ['{json}']" */
    const char *doc;       /* one line */
    const char *more;      /* further help, or NULL */
    int (*run)(const struct cli_command *command, int argc, char **argv);
};

/* Takes the options out of the arguments and leaves `*argc` others, between `min` and `max`, in
 * argv. Returns -1 to go on, else the exit code: after --help 0, after a mistake (told) EX_USAGE.
 */
int cli_arguments(const struct cli_command *command, const struct cli_option *options, int *argc,
                  char **argv, int min, int max);

/* An option that is a field of a request: under its name there, "map.name" for one in a map. */
enum cli_field_as { CLI_AS_TEXT, CLI_AS_NUMBER, CLI_AS_WORDS /* by comma */, CLI_AS_OTHER };
struct cli_field {
    const char *name, *value, *doc, *field;
    enum cli_field_as as;
    json_t *(*read)(const char *text); /* of CLI_AS_OTHER */
};

/* Makes options of the fields, each of which leaves what was given in `texts`. */
void cli_field_options(const struct cli_field *fields, size_t count, const char **texts,
                       struct cli_option *options);

/* What was given, by the names of the request, owned by the caller; NULL (told) if a number is
 * none.
 */
json_t *cli_fields(const struct cli_command *command, const struct cli_field *fields, size_t count,
                   const char *const *texts);

/* Tells a mistake in the use of a command; returns EX_USAGE. */
int cli_usage(const struct cli_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Reads a whole number >= 0. False (told) if the text is none. */
bool cli_number(const struct cli_command *command, const char *what, const char *text,
                int64_t *out);

/* A client of the buses in the environment. NULL after a line on stderr. */
struct cbm_client *cli_connect(void);

/* Calls a method; `params` is taken (NULL: none). The result, owned by the caller; NULL with an
 * error on stderr and `*code` set to the exit code. `options` may be NULL. */
json_t *cli_call(struct cbm_client *client, const char *service, const char *method, json_t *params,
                 const struct cbm_options *options, int *code);

/* All items of a paged list, in an array; else as cli_call. */
json_t *cli_list(struct cbm_client *client, const char *service, const char *method, json_t *params,
                 int *code);

/* Writes an error answer to stderr and returns the exit code for it. */
int cli_error(const struct cbm_reply *reply);

/* Prints JSON to stdout, indented or in one line. Returns 0, or EX_IOERR. */
int cli_print(const json_t *json, bool compact);

/* Flushes stdout. 0, or EX_IOERR if something could not be written. */
int cli_flush(void);

/* Writes a file whole, or leaves the old one. 0, or EX_IOERR or EX_CANTCREAT after a line on
 * stderr.
 */
int cli_write_file(const struct cli_command *command, const char *path, const char *data,
                   size_t len);

/* The text under a key, "" if there is none. */
const char *cli_text(const json_t *map, const char *key);

/* Rows of a table in the order given, columns as wide as needed; on a terminal the last one is cut
 * to its width. Texts are copied. */
#define CLI_COLUMNS_MAX 8
struct cli_table {
    unsigned columns, rows;
    char **cells;
};
void cli_table_row(struct cli_table *table, const char *const cells[]);
void cli_table_print(struct cli_table *table); /* and frees it */
void cli_table_free(struct cli_table *table);

#endif
