/* See notify_key.h. It must not know what is signed. */
#include "services/notify/notify_key.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/log.h"

#define SEED_LEN 32
#define PATH_MAX_LEN 1200

/* Writes beside the path and links it there: of several that start together one wins. */
static int
put(const char *path, const void *bytes, size_t len, mode_t mode)
{
    char beside[PATH_MAX_LEN + 32];
    snprintf(beside, sizeof beside, "%s.%ld.new", path, (long)getpid());
    unlink(beside);
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return -1;
    int result = write(fd, bytes, len) == (ssize_t)len && fsync(fd) == 0 ? 0 : -1;
    close(fd);
    if (result == 0 && link(beside, path) != 0 && errno != EEXIST)
        result = -1;
    int why = errno;
    unlink(beside);
    errno = why;
    return result;
}

static int
make(const char *directory, const char *path)
{
    uint8_t seed[SEED_LEN];
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return -1;
    randombytes_buf(seed, sizeof seed);
    int result = put(path, seed, sizeof seed, 0600);
    sodium_memzero(seed, sizeof seed);
    return result;
}

static int
read_seed(const char *path, uint8_t seed[SEED_LEN])
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int result = -1;
    errno = EINVAL; /* of another size, or others may read it */
    if (fstat(fd, &about) == 0 && about.st_size == SEED_LEN && !(about.st_mode & 077))
        result = read(fd, seed, SEED_LEN) == SEED_LEN ? 0 : -1;
    int why = errno;
    close(fd);
    errno = why;
    return result;
}

bool
notify_key_get(const char *directory, struct chain_key *out)
{
    char path[PATH_MAX_LEN], public_path[PATH_MAX_LEN], line[CHAIN_HEX_MAX + 1];
    uint8_t seed[SEED_LEN];
    snprintf(path, sizeof path, "%.1000s/checkpoint.key", directory);
    snprintf(public_path, sizeof public_path, "%.1000s/checkpoint.pub", directory);
    int result = read_seed(path, seed);
    if (result != 0 && errno == ENOENT && sodium_init() >= 0)
        result = make(directory, path) == 0 ? read_seed(path, seed) : -1;
    if (result != 0) {
        log_event(LOG_LEVEL_ERROR, "no key to sign checkpoints with (want 32 bytes, mode 600)",
                  LOG_TEXT("file", path), LOG_TEXT("error", strerror(errno)));
        return false;
    }
    chain_key_of_seed(seed, out);
    sodium_memzero(seed, sizeof seed);
    int len = snprintf(line, sizeof line, "%s\n", out->public);
    if (access(public_path, F_OK) != 0 && put(public_path, line, (size_t)len, 0644) != 0)
        log_event(LOG_LEVEL_WARN, "the public key of checkpoints is in no file",
                  LOG_TEXT("file", public_path), LOG_TEXT("error", strerror(errno)));
    return true;
}
