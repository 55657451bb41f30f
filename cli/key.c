/* `cbm key new`: a key pair, as czmq's certificates are kept. It must not know servers. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/commands.h"
#include "common/auth/cert.h"
#include "common/auth/key.h"
#include "common/msg/schema.h"

/* Whether a metadata value would be taken by whoever reads the certificate. */
static bool
roles_valid(const char *words)
{
    while (*words) {
        size_t len = strcspn(words, ", ");
        if (len && !permission_of_word((struct text){words, (uint32_t)len}))
            return false;
        words += len + (words[len] != '\0');
    }
    return true;
}

static int
check(const struct cli_command *command, const struct cert_meta *meta)
{
    if (meta->id && !text_is_id(text_of(meta->id)))
        return cli_usage(command, "--id: want a-z, 0-9 and -, at most %d", TEXT_ID_MAX);
    if (meta->roles && !roles_valid(meta->roles))
        return cli_usage(command, "--roles: want some of secretariat, chair, member, observer, "
                                  "subscriber, service, by comma");
    if (meta->member && !text_is_code(text_of(meta->member)))
        return cli_usage(command, "--member: want the code of a participant, such as KZ");
    return -1;
}

static int
tell(const struct error *error)
{
    fprintf(stderr, "cbm key: %s\n", error->message);
    return error->code == STATUS_ALREADY_EXISTS ? CLI_REFUSED : EX_CANTCREAT;
}

/* The public part, under the name of the certificate, to where a server looks. */
static int
trust(zcert_t *cert, const char *path, const char *directory)
{
    char to[CERT_PATH_MAX];
    struct error error;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t len = strlen(name);
    bool suffixed = len > 4 && strcmp(name + len - 4, ".key") == 0;
    snprintf(to, sizeof to, "%.700s/%.250s%s", directory, name, suffixed ? "" : ".key");
    mkdir(directory, 0700);
    return cert_save_public(cert, to, &error) == STATUS_OK ? 0 : tell(&error);
}

/* What a server makes at its first start, made now. */
static int
init(const char *directory)
{
    struct error error;
    zcert_t *cert = cert_server(directory, &error);
    if (!cert)
        return tell(&error);
    puts(zcert_public_txt(cert));
    zcert_destroy(&cert);
    return cli_flush();
}

int
key_run(const struct cli_command *command, int argc, char **argv)
{
    struct cert_meta meta = {0};
    const char *directory = NULL;
    const struct cli_option options[] = {
        {"id", "ID", "the principal's name, kept in the certificate", &meta.id, NULL, 0},
        {"roles", "ROLES", "its roles, by comma", &meta.roles, NULL, 0},
        {"member", "CODE", "the participant that it speaks for", &meta.member, NULL, 0},
        {"trust", "DIR", "also puts the public key into DIR, a server's keys/trusted", &directory,
         NULL, 0},
        CLI_OPTIONS_END};
    int code = cli_arguments(command, options, &argc, argv, 1, 2);
    if (code >= 0)
        return code;
    if (strcmp(argv[0], "init") == 0)
        return init(argc > 1 ? argv[1] : "keys");
    if (strcmp(argv[0], "new") != 0)
        return cli_usage(command, "want `new` or `init`");
    code = check(command, &meta);
    if (code >= 0)
        return code;
    if (directory && (!meta.id || !meta.roles))
        return cli_usage(command, "--trust needs --id and --roles");
    const char *path = argc > 1 ? argv[1] : "cbm.key";
    struct error error;
    if (cert_make(path, &meta, &error) != STATUS_OK)
        return tell(&error);
    zcert_t *cert = cert_load(path, &error);
    if (!cert)
        return tell(&error);
    code = directory ? trust(cert, path, directory) : 0;
    if (code == 0) {
        puts(zcert_public_txt(cert));
        fprintf(stderr, "%s_secret is the certificate for CBM_CERT: keep it to yourself\n", path);
        code = cli_flush();
    }
    zcert_destroy(&cert);
    return code;
}
