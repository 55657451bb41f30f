/* See access.h. It must not know what the peers ask for. */
#include "common/auth/access.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "common/auth/access_failures.h"
#include "common/auth/cert.h"
#include "common/auth/peers.h"
#include "common/auth/token.h"
#include "common/auth/zap.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/log/follow.h"
#include "common/msg/messages.h"
#include "common/msg/schema_mp.h"

#define PREFIX "private.secretariat.registry.principal."
#define PRINCIPALS_MAX 100000 /* keys ever enrolled; what is beyond is refused */
#define FILES_MAX 1000        /* in trusted/ */
#define FILES_EVERY_MS 1000
#define FILES_FRESH_S 3 /* a directory that changed so lately may change again unseen */

const char *const access_words[] = {"open", "curve"};
static const char *const domains[] = {"clients", "workers", "subscribers"};

struct access {
    struct loop *loop; /* borrowed */
    enum access_mode mode;
    zcert_t *server;
    struct zap *zap;
    struct peers peers;
    struct principals principals;
    uint64_t settled; /* of principals.changes: the connections of these were cut */
    struct log_follow *follow;
    struct access_failures failures;
    char trusted[CFG_TEXT_MAX + 16]; /* directory */
    struct timespec files_time;      /* when it changed last */
    int64_t files_at_ms;
    bool current; /* the log was read to its end once */
    bool put_off; /* somebody was, since he was not known yet */
    struct identity local;
};

/* ---- the table --------------------------------------------------------------------------------
 */

/* Whoever was refused or changed loses his connections. */
static void
settle(struct access *access)
{
    if (access->settled == access->principals.changes)
        return;
    unsigned cut = peers_cut(&access->peers, access->settled);
    access->settled = access->principals.changes;
    log_event(LOG_LEVEL_INFO, "connections cut after a change of principals",
              LOG_NUMBER("connections", cut), LOG_NUMBER("principals", access->principals.allowed));
}

static bool
fill(struct principal *out, struct text id, unsigned roles, struct text member)
{
    *out = (struct principal){.roles = roles};
    if (!text_is_id(id) || !roles || (member.len && !text_is_code(member)))
        return false;
    memcpy(out->id, id.ptr, id.len);
    if (member.len)
        memcpy(out->member, member.ptr, member.len);
    return true;
}

/* A record of the registry: the principal as it is now. */
static void
on_record(void *arg, const struct log_record *record)
{
    struct access *access = arg;
    struct principal_entry entry;
    struct principal who;
    struct identity *identity = NULL;
    unsigned roles = 0;
    bool good = schema_decode_bytes(&principal_entry_schema, record->data.ptr, record->data.len,
                                    &entry, SCHEMA_STORED, NULL) == STATUS_OK;
    for (uint32_t i = 0; good && i < entry.roles.count; i++)
        roles |= permission_of_word(entry.roles.items[i]);
    if (good && entry.status == PRINCIPAL_REVOKED)
        identity = principals_revoke(&access->principals, entry.key);
    else if (good && fill(&who, entry.id, roles, entry.member))
        identity = principals_enroll(&access->principals, entry.key, &who);
    if (identity)
        principals_set_token(&access->principals, identity, entry.token);
    else
        log_event(LOG_LEVEL_ERROR, "a principal is damaged or too many: it is not let in",
                  LOG_NUMBER("seq", record->seq));
}

static void
on_passed(void *arg, int64_t seq)
{
    struct access *access = arg;
    settle(access);
    if (access->current || !log_follow_current(access->follow))
        return;
    access->current = true;
    log_event(LOG_LEVEL_INFO, "principals known", LOG_NUMBER("count", access->principals.allowed),
              LOG_NUMBER("seq", seq));
    if (access->put_off) /* they come again, and it is known who they are */
        peers_cut(&access->peers, PEERS_UNKNOWN);
}

/* ---- files of the operator --------------------------------------------------------------------
 */

static unsigned
read_roles(const char *words)
{
    unsigned roles = 0;
    while (words && *words) {
        size_t len = strcspn(words, ", ");
        roles |= permission_of_word((struct text){words, (uint32_t)len});
        words += len + (words[len] != '\0');
    }
    return roles;
}

static void
read_file(struct access *access, const char *name)
{
    char path[CFG_TEXT_MAX + 300];
    struct principal who;
    snprintf(path, sizeof path, "%s/%s", access->trusted, name);
    zcert_t *cert = zcert_load(path);
    bool good = cert &&
                fill(&who, text_of(zcert_meta(cert, "id")), read_roles(zcert_meta(cert, "roles")),
                     text_of(zcert_meta(cert, "member"))) &&
                principals_trust(&access->principals, text_of(zcert_public_txt(cert)), &who);
    if (!good)
        log_event(LOG_LEVEL_ERROR, "not trusted: want a certificate with metadata id and roles",
                  LOG_TEXT("file", path));
    zcert_destroy(&cert);
}

static void
read_files(struct access *access)
{
    static const char suffix[] = ".key";
    DIR *directory = opendir(access->trusted);
    unsigned count = 0;
    principals_files_begin(&access->principals);
    for (const struct dirent *at; directory && (at = readdir(directory));) {
        size_t len = strlen(at->d_name);
        if (len < sizeof suffix || strcmp(at->d_name + len - (sizeof suffix - 1), suffix) != 0)
            continue;
        if (++count <= FILES_MAX)
            read_file(access, at->d_name);
    }
    if (directory)
        closedir(directory);
    principals_files_end(&access->principals);
}

/* Reads them anew if the directory changed. */
static void
look_at_files(struct access *access)
{
    struct stat info = {0};
    struct timespec now;
    stat(access->trusted, &info); /* one that is gone trusts nobody */
    clock_gettime(CLOCK_REALTIME, &now);
    if (info.st_mtim.tv_sec == access->files_time.tv_sec &&
        info.st_mtim.tv_nsec == access->files_time.tv_nsec &&
        now.tv_sec - info.st_mtim.tv_sec > FILES_FRESH_S)
        return;
    access->files_time = info.st_mtim;
    read_files(access);
}

static int64_t
on_tick(void *arg, int64_t now_ms)
{
    struct access *access = arg;
    if (now_ms >= access->files_at_ms) {
        access->files_at_ms = now_ms + FILES_EVERY_MS;
        look_at_files(access);
        settle(access);
    }
    int64_t due = access_failures_tick(&access->failures, now_ms);
    return due < access->files_at_ms ? due : access->files_at_ms;
}

/* ---- handshakes and frames --------------------------------------------------------------------
 */

static void
failed(struct access *access, enum access_reason reason, const char *key, const char *address)
{
    int64_t now = clock_mono_ms();
    access_failures_add(&access->failures, reason, key, address, now);
    loop_tick_by(access->loop, access_failures_tick(&access->failures, now));
}

/* A handshake that ended before anybody was asked. */
static void
on_failed_peer(void *arg, const char *reason, const char *address)
{
    failed(arg, access_reason_of(reason), "", address);
}

/* ACCESS_REASONS: none against it. While the log is being read, what the registry said of a key
 * may not be its last word. */
static enum access_reason
judge(const struct access *access, const struct identity *identity, bool worker)
{
    if (!identity || (!identity->allowed && !identity->revoked))
        return ACCESS_UNKNOWN;
    if (!access->current && !identity->trusted)
        return ACCESS_UNKNOWN;
    if (!identity->allowed)
        return ACCESS_REVOKED;
    if (worker && !(identity->principal.roles & PERMIT_SERVICE))
        return ACCESS_ROLE;
    return ACCESS_REASONS;
}

static enum zap_verdict
decide(void *arg, const struct zap_request *request, char user_id[KEY_LEN + 1])
{
    struct access *access = arg;
    char key[KEY_LEN + 1] = "", address[64] = "";
    enum access_reason reason = ACCESS_MALFORMED;
    if (request) {
        snprintf(address, sizeof address, "%.*s", TEXT_ARG(request->address));
        key_print(request->key, key);
        const struct identity *identity =
            principals_find(&access->principals, (struct text){key, KEY_LEN});
        bool worker = text_is(request->domain, domains[ACCESS_WORKERS]);
        reason = judge(access, identity, worker);
    }
    if (reason == ACCESS_REASONS) {
        memcpy(user_id, key, sizeof key);
        return ZAP_ACCEPTED;
    }
    if (reason == ACCESS_UNKNOWN && !access->current) {
        access->put_off = true;
        return ZAP_LATER;
    }
    failed(access, reason, key, address);
    return ZAP_REFUSED;
}

static const struct identity *
find(struct access *access, struct text user_id)
{
    if (access->mode == ACCESS_OPEN)
        return &access->local;
    return user_id.ptr ? principals_find(&access->principals, user_id) : NULL;
}

const struct identity *
access_of(struct access *access, zmq_msg_t *frame)
{
    if (access->mode == ACCESS_OPEN)
        return &access->local;
    const struct identity *identity = find(access, text_of(zmq_msg_gets(frame, "User-Id")));
    int fd = zmq_msg_get(frame, ZMQ_SRCFD);
    peers_note(&access->peers, fd, identity);
    if (identity && identity->allowed)
        return identity;
    peers_drop(&access->peers, fd);
    return NULL;
}

void
access_drop(struct access *access, zmq_msg_t *frame)
{
    int fd = zmq_msg_get(frame, ZMQ_SRCFD);
    if (access->mode == ACCESS_CURVE) {
        access_of(access, frame); /* so that the connection is known */
        peers_drop(&access->peers, fd);
    } else if (fd >= 0 && peers_cookie(fd)) {
        shutdown(fd, SHUT_RDWR);
    }
}

const struct principal *
access_find(struct access *access, struct text user_id)
{
    const struct identity *identity = find(access, user_id);
    return identity && identity->allowed ? &identity->principal : NULL;
}

const struct identity *
access_token(struct access *access, struct text token)
{
    char digest[KEY_LEN + 1];
    if (access->mode == ACCESS_OPEN)
        return &access->local;
    if (!token.len)
        return NULL;
    token_digest(token, digest);
    const struct identity *identity =
        principals_find_token(&access->principals, (struct text){digest, KEY_LEN});
    return judge(access, identity, false) == ACCESS_REASONS ? identity : NULL;
}

uint64_t
access_version(const struct access *access)
{
    return access->principals.version;
}

void
access_each(const struct access *access, access_each_fn *fn, void *arg)
{
    for (unsigned i = 0; i < PRINCIPALS_BUCKETS; i++)
        for (const struct identity *at = access->principals.buckets[i]; at; at = at->next)
            fn(arg, at);
}

uint64_t
access_connection(zmq_msg_t *frame)
{
    const char *number = zmq_msg_gets(frame, ZAP_CONNECTION);
    return number ? strtoull(number, NULL, 10) : peers_cookie(zmq_msg_get(frame, ZMQ_SRCFD));
}

int
access_secure(struct access *access, zsock_t *sock, enum access_gate gate)
{
    if (access->mode == ACCESS_OPEN)
        return 0;
    zcert_apply(access->server, sock);
    zsock_set_curve_server(sock, 1);
    zsock_set_zap_domain(sock, domains[gate]);
    if (peers_watch(&access->peers, sock) == 0)
        return 0;
    log_event(LOG_LEVEL_ERROR, "cannot watch a socket",
              LOG_TEXT("error", zmq_strerror(zmq_errno())));
    return -1;
}

void
access_release(struct access *access, zsock_t *sock)
{
    if (access)
        peers_unwatch(&access->peers, sock);
}

/* ---- from start to end ------------------------------------------------------------------------
 */

static struct access *
start_open(struct access *access)
{
    access->current = true;
    access->local.allowed = true;
    access->local.principal = (struct principal){.id = "local", .roles = PERMIT_SECRETARIAT};
    rpc_principal_write(&access->local.wire, &access->local.principal);
    log_write(LOG_LEVEL_WARN,
              "CBM_ACCESS=open: no encryption, and everybody who reaches the port may do "
              "everything",
              NULL);
    if (access->local.wire.failed)
        access_destroy(&access);
    return access;
}

static int
start_curve(struct access *access, const struct access_config *config, const char *redis,
            const char *org, int *exit_code)
{
    struct error error = {0};
    access->server = cert_server(config->keys, &error);
    if (!access->server) {
        log_event(LOG_LEVEL_ERROR, "no server key", LOG_TEXT("error", error.message));
        *exit_code = EX_CONFIG;
        return -1;
    }
    snprintf(access->trusted, sizeof access->trusted, "%s/trusted", config->keys);
    look_at_files(access);
    access->zap = zap_new(access->loop, decide, access);
    access->follow = log_follow_new(access->loop, redis, org, TEXT_LITERAL(PREFIX), 0, on_record,
                                    on_passed, access);
    if (!access->zap || !access->follow || loop_add_tick(access->loop, on_tick, access) != 0)
        return -1;
    log_event(LOG_LEVEL_INFO, "known keys only", LOG_TEXT("keys", config->keys),
              LOG_TEXT("server_key", zcert_public_txt(access->server)),
              LOG_NUMBER("trusted", access->principals.allowed));
    return 0;
}

struct access *
access_new(struct loop *loop, const struct access_config *config, const char *redis,
           const char *org, int *exit_code)
{
    struct access *access = calloc(1, sizeof *access);
    if (!access)
        return NULL;
    access->loop = loop;
    access->mode = (enum access_mode)config->mode;
    access->principals.max = PRINCIPALS_MAX;
    peers_init(&access->peers, loop, on_failed_peer, access);
    if (access->mode == ACCESS_OPEN)
        return start_open(access);
    if (start_curve(access, config, redis, org, exit_code) != 0)
        access_destroy(&access);
    return access;
}

bool
access_current(const struct access *access)
{
    return access->current;
}

enum access_mode
access_mode(const struct access *access)
{
    return access->mode;
}

void
access_metrics(const struct access *access, struct buf *out)
{
    metrics_head(out, "cbm_access_curve", "gauge",
                 "1 if only known keys are let in, 0 if everybody is.");
    metrics_value(out, "cbm_access_curve", NULL, access->mode == ACCESS_CURVE);
    if (access->mode == ACCESS_OPEN)
        return;
    access_failures_metrics(&access->failures, out);
    metrics_head(out, "cbm_principals", "gauge", "Keys that are let in.");
    metrics_value(out, "cbm_principals", NULL, access->principals.allowed);
    metrics_head(out, "cbm_connections_cut_total", "counter",
                 "Connections cut because a principal was revoked or changed.");
    metrics_value(out, "cbm_connections_cut_total", NULL, (int64_t)access->peers.cut);
}

void
access_destroy(struct access **access)
{
    struct access *self = *access;
    if (!self)
        return;
    loop_remove_tick(self->loop, on_tick, self);
    log_follow_destroy(&self->follow);
    zap_destroy(&self->zap);
    peers_fini(&self->peers);
    principals_fini(&self->principals);
    zcert_destroy(&self->server);
    buf_fini(&self->local.wire);
    free(self);
    *access = NULL;
}
