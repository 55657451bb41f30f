/* See cert.h. It must not know principals or the log. */
#include "common/auth/cert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/auth/key.h"

#define TEXT_MAX 1024

static enum status
fault(struct error *error, const char *path)
{
    return error_set(error, STATUS_FAILED_PRECONDITION, NULL, "%.200s: %s", path, strerror(errno));
}

/* What czmq's zcert_save writes, but for the date. */
static int
print(zcert_t *cert, bool secret, char out[TEXT_MAX])
{
    int len = snprintf(out, TEXT_MAX, "#   ZeroMQ CURVE %s\n\nmetadata\n",
                       secret ? "**Secret** Certificate: keep it to yourself"
                              : "Public Certificate: exchange it securely");
    static const char *const names[] = {"id", "roles", "member"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = zcert_meta(cert, names[i]);
        if (value && *value)
            len += snprintf(out + len, TEXT_MAX - (size_t)len, "    %s = \"%.200s\"\n", names[i],
                            value);
    }
    len += snprintf(out + len, TEXT_MAX - (size_t)len, "curve\n    public-key = \"%s\"\n",
                    zcert_public_txt(cert));
    if (secret)
        len += snprintf(out + len, TEXT_MAX - (size_t)len, "    secret-key = \"%s\"\n",
                        zcert_secret_txt(cert));
    return len;
}

/* Writes beside the path and moves there; `keep`: unless there is something already (then errno is
 * EEXIST). 0 or -1. */
static int
put_file(const char *path, const char *text, int len, mode_t mode, bool keep)
{
    char beside[CERT_PATH_MAX + 32];
    snprintf(beside, sizeof beside, "%.*s.%ld.new", CERT_PATH_MAX, path, (long)getpid());
    unlink(beside);
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return -1;
    int result = write(fd, text, (size_t)len) == len && fsync(fd) == 0 ? 0 : -1;
    close(fd);
    if (result == 0)
        result = keep ? link(beside, path) : rename(beside, path);
    int why = errno;
    unlink(beside);
    errno = why;
    return result;
}

enum status
cert_save_public(zcert_t *cert, const char *path, struct error *error)
{
    char text[TEXT_MAX];
    int len = print(cert, false, text);
    return put_file(path, text, len, 0644, false) == 0 ? STATUS_OK : fault(error, path);
}

/* The secret file decides: who comes second finds it and leaves it. The public file says the same
 * whoever writes it. */
static enum status
save_new(zcert_t *cert, const char *path, struct error *error)
{
    char text[TEXT_MAX], secret[CERT_PATH_MAX + 8];
    snprintf(secret, sizeof secret, "%s_secret", path);
    int len = print(cert, true, text);
    int result = put_file(secret, text, len, 0600, true);
    explicit_bzero(text, sizeof text);
    if (result != 0 && errno == EEXIST)
        return error_set(error, STATUS_ALREADY_EXISTS, NULL,
                         "%.200s is there already; it is not written over", secret);
    return result == 0 ? cert_save_public(cert, path, error) : fault(error, secret);
}

enum status
cert_make(const char *path, const struct cert_meta *meta, struct error *error)
{
    if (strlen(path) >= CERT_PATH_MAX)
        return error_set(error, STATUS_INVALID_ARGUMENT, NULL, "the path is too long");
    if (access(path, F_OK) == 0)
        return error_set(error, STATUS_ALREADY_EXISTS, NULL,
                         "%.200s is there already; it is not written over", path);
    zcert_t *cert = zcert_new();
    if (!cert)
        return error_set(error, STATUS_RESOURCE_EXHAUSTED, NULL, "no key could be made");
    if (meta) {
        zcert_set_meta(cert, "id", "%s", meta->id ? meta->id : "");
        zcert_set_meta(cert, "roles", "%s", meta->roles ? meta->roles : "");
        zcert_set_meta(cert, "member", "%s", meta->member ? meta->member : "");
    }
    enum status status = save_new(cert, path, error);
    zcert_destroy(&cert);
    return status;
}

zcert_t *
cert_load(const char *path, struct error *error)
{
    char derived[KEY_LEN + 1] = "";
    zcert_t *cert = strlen(path) < CERT_PATH_MAX ? zcert_load(path) : NULL;
    if (cert && zmq_curve_public(derived, zcert_secret_txt(cert)) == 0 &&
        strcmp(derived, zcert_public_txt(cert)) == 0)
        return cert;
    error_set(error, STATUS_INVALID_ARGUMENT, NULL,
              cert ? "%.200s: want a certificate with a public key and its own secret key"
                   : "%.200s is not a readable certificate",
              path);
    zcert_destroy(&cert);
    return NULL;
}

/* A certificate that is there or made now. */
static zcert_t *
load_or_make(const char *path, const struct cert_meta *meta, struct error *error)
{
    enum status status = cert_make(path, meta, error);
    if (status != STATUS_OK && status != STATUS_ALREADY_EXISTS)
        return NULL;
    return cert_load(path, error);
}

/* Of several that start for the first time together one writes the trusted file, and no other moves
 * its own over it: a server that is reading the directory then could miss it. */
static enum status
make_officer(const char *directory, struct error *error)
{
    char path[CERT_PATH_MAX], text[TEXT_MAX];
    const struct cert_meta meta = {"officer", "secretariat", NULL};
    snprintf(path, sizeof path, "%.1000s/officer.key", directory);
    zcert_t *officer = load_or_make(path, &meta, error);
    if (!officer)
        return error ? error->code : STATUS_FAILED_PRECONDITION;
    snprintf(path, sizeof path, "%.1000s/trusted/officer.key", directory);
    int result = put_file(path, text, print(officer, false, text), 0644, true);
    enum status status = result == 0 || errno == EEXIST ? STATUS_OK : fault(error, path);
    zcert_destroy(&officer);
    return status;
}

/* Whether a certificate in the directory is that of the Secretariat. */
static bool
has_officer(const char *directory)
{
    char path[CERT_PATH_MAX];
    bool found = false;
    DIR *open = opendir(directory);
    for (const struct dirent *at; open && !found && (at = readdir(open));) {
        snprintf(path, sizeof path, "%.700s/%.255s", directory, at->d_name);
        zcert_t *cert = at->d_name[0] == '.' ? NULL : zcert_load(path);
        const char *roles = cert ? zcert_meta(cert, "roles") : NULL;
        found = roles && strstr(roles, "secretariat");
        zcert_destroy(&cert);
    }
    if (open)
        closedir(open);
    return found;
}

zcert_t *
cert_server(const char *directory, struct error *error)
{
    char path[CERT_PATH_MAX], secret[CERT_PATH_MAX];
    snprintf(path, sizeof path, "%.1000s/server.key", directory);
    snprintf(secret, sizeof secret, "%.1000s/server.key_secret", directory);
    if (access(secret, F_OK) == 0) {
        zcert_t *cert = cert_load(path, error);
        if (cert && access(path, F_OK) != 0) /* whoever made it ended between */
            cert_save_public(cert, path, error);
        return cert;
    }
    snprintf(path, sizeof path, "%.1000s/trusted", directory);
    if ((mkdir(directory, 0700) != 0 && errno != EEXIST) ||
        (mkdir(path, 0700) != 0 && errno != EEXIST)) {
        fault(error, path);
        return NULL;
    }
    /* the server's key comes last: as long as it is not there, it is the first start */
    if (!has_officer(path) && make_officer(directory, error) != STATUS_OK)
        return NULL;
    snprintf(path, sizeof path, "%.1000s/server.key", directory);
    return load_or_make(path, NULL, error);
}

enum status
cert_client(zsock_t *sock, const char *server, const char *path, struct error *error)
{
    char key[KEY_LEN + 1];
    zcert_t *of_server = key_valid(text_of(server)) ? NULL : zcert_load(server);
    if (!of_server && !key_valid(text_of(server)))
        return error_set(error, STATUS_INVALID_ARGUMENT, "CBM_SERVER_KEY",
                         "CBM_SERVER_KEY: want a public key, 40 characters of Z85, or a file that "
                         "has it");
    snprintf(key, sizeof key, "%s", of_server ? zcert_public_txt(of_server) : server);
    zcert_destroy(&of_server);
    if (!path || !*path)
        return error_set(error, STATUS_INVALID_ARGUMENT, "CBM_CERT",
                         "CBM_CERT: with CBM_SERVER_KEY the file of your certificate is needed");
    struct error why;
    zcert_t *cert = cert_load(path, &why);
    if (!cert)
        return error_set(error, STATUS_INVALID_ARGUMENT, "CBM_CERT", "CBM_CERT: %s", why.message);
    zcert_apply(cert, sock);
    zcert_destroy(&cert);
    zsock_set_curve_serverkey(sock, key);
    return STATUS_OK;
}
