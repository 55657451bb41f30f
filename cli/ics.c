/* `cbm ics`: events as a calendar, on stdout or in a file that is never half written. It must not
 * know what is in a calendar. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"

/* Opens what is to become the file: a new one beside it, whose name is put into `name`; or the
 * thing itself if it is a pipe or a device. -1 with errno. */
static int
open_beside(const char *path, char *name, size_t name_size)
{
    struct stat now;
    name[0] = '\0';
    if (stat(path, &now) == 0 && !S_ISREG(now.st_mode))
        return open(path, O_WRONLY | O_CLOEXEC);
    snprintf(name, name_size, "%s.XXXXXX", path);
    int fd = mkstemp(name);
    mode_t mask = umask(0);
    umask(mask);
    if (fd >= 0)
        fchmod(fd, 0666 & ~mask); /* as any new file: others may serve it */
    return fd;
}

static bool
write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t written = write(fd, data, len);
        if (written < 0 && errno != EINTR)
            return false;
        data += written > 0 ? written : 0;
        len -= written > 0 ? (size_t)written : 0;
    }
    return true;
}

/* Writes the file whole or leaves the old one. 0, or EX_IOERR or EX_CANTCREAT after a line on
 * stderr. */
static int
write_file(const char *path, const char *data, size_t len)
{
    size_t name_size = strlen(path) + sizeof ".XXXXXX";
    char *name = malloc(name_size);
    int fd = name ? open_beside(path, name, name_size) : -1, code = EX_CANTCREAT;
    if (fd >= 0) {
        bool written = write_all(fd, data, len) && (!*name || fsync(fd) == 0);
        written = close(fd) == 0 && written;
        code = written && (!*name || rename(name, path) == 0) ? 0 : EX_IOERR;
    }
    if (code)
        fprintf(stderr, "cbm ics: cannot write %s: %s\n", path, strerror(errno));
    if (code == EX_IOERR && *name)
        unlink(name);
    free(name);
    return code;
}

int
ics_run(const struct cli_command *command, int argc, char **argv)
{
    enum { FROM, TO, DIMENSION, AREA, HOST, FILTERS };
    const char *text[FILTERS] = {NULL}, *output = NULL;
    const struct cli_option options[] = {
        {"from", "DATE", "that end on this day or later", &text[FROM], NULL, 0},
        {"to", "DATE", "that begin on this day or earlier", &text[TO], NULL, 0},
        {"dimension", "ID", "of this dimension", &text[DIMENSION], NULL, 0},
        {"area", "ID", "of this priority area", &text[AREA], NULL, 0},
        {"host", "CODE", "hosted by this participant", &text[HOST], NULL, 0},
        {"output", "FILE", "to this file, which is replaced at once (-o)", &output, NULL, 'o'},
        CLI_OPTIONS_END,
    };
    int code = cli_arguments(command, options, &argc, argv, 0, 0);
    if (code >= 0)
        return code;
    struct cbm_client *client = cli_connect();
    if (!client)
        return EX_CONFIG;
    json_t *filter = json_object();
    for (int i = 0; i < FILTERS; i++)
        if (text[i])
            json_object_set_new(filter, options[i].name, json_string(text[i]));
    json_t *result = cli_call(client, "events", "calendar.export", filter, NULL, &code);
    const json_t *ics = json_object_get(result, "ics");
    if (result && output) {
        code = write_file(output, cli_text(result, "ics"), json_string_length(ics));
    } else if (result) {
        fwrite(cli_text(result, "ics"), 1, json_string_length(ics), stdout);
        code = cli_flush();
    }
    json_decref(result);
    cbm_client_destroy(&client);
    return code;
}
