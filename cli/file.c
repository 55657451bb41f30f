/* Files that are never half written (cli.h). It must not know what is in them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

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

int
cli_write_file(const struct cli_command *command, const char *path, const char *data, size_t len)
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
        fprintf(stderr, "cbm %s: cannot write %s: %s\n", command->name, path, strerror(errno));
    if (code == EX_IOERR && *name)
        unlink(name);
    free(name);
    return code;
}
