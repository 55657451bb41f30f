/* What every domain service is: a worker on all buses, a store, a table of handlers, and the gates
 * in between: size, scan, version, known method, permission, decode, deadline, idempotency, store
 * up. It must not know any domain. */
#ifndef CBM_SERVICE_SERVICE_H
#define CBM_SERVICE_SERVICE_H

#include "common/base/loop.h"
#include "common/base/run.h"
#include "common/service/op.h"

/* Handlers in the order of the service's .def file:
 * #define METHOD(id, name, params, result, read_only, permission, answers, doc) id##_handle,
 * with `id##_handle` declared by the same trick. */
struct service_config {
    char workers[CFG_TEXT_MAX]; /* CBM_WORKERS: the buses' worker endpoints */
    char redis[CFG_TEXT_MAX];   /* CBM_REDIS */
    char org[64];               /* CBM_ORG */
    int64_t durability;         /* CBM_DURABILITY */
    int64_t credit;             /* CBM_CREDIT */
    int64_t pending_max;        /* CBM_PENDING_MAX */
    int64_t worker_access;      /* CBM_WORKER_ACCESS: 1 if the buses ask workers for keys */
    char server_key[CFG_TEXT_MAX], cert[CFG_TEXT_MAX]; /* CBM_SERVER_KEY, CBM_CERT */
};

/* The rows of a config struct whose member `member` is a struct service_config. */
#define SERVICE_ROWS(type, member)                                                                 \
    {"CBM_WORKERS",                                                                                \
     CFG_ENDPOINTS,                                                                                \
     offsetof(type, member.workers),                                                               \
     "tcp://127.0.0.1:5551",                                                                       \
     1,                                                                                            \
     CFG_TEXT_MAX,                                                                                 \
     NULL,                                                                                         \
     "worker endpoints of all buses, by comma"},                                                   \
        {"CBM_REDIS",                                                                              \
         CFG_TEXT,                                                                                 \
         offsetof(type, member.redis),                                                             \
         "redis://127.0.0.1:6379",                                                                 \
         1,                                                                                        \
         CFG_TEXT_MAX,                                                                             \
         NULL,                                                                                     \
         "Redis: redis://[user[:password]@]host[:port] or unix://[user@]/path, "                   \
         "[?password_file=PATH]"},                                                                 \
        {"CBM_ORG",                                                                                \
         CFG_TEXT,                                                                                 \
         offsetof(type, member.org),                                                               \
         "cica",                                                                                   \
         1,                                                                                        \
         64,                                                                                       \
         NULL,                                                                                     \
         "the organisation, the hash tag of every key"},                                           \
        {"CBM_DURABILITY",                                                                         \
         CFG_WORD,                                                                                 \
         offsetof(type, member.durability),                                                        \
         "always",                                                                                 \
         0,                                                                                        \
         0,                                                                                        \
         "always|everysec|memory",                                                                 \
         "what Redis must promise at least before an acknowledgement"},                            \
        {"CBM_CREDIT", CFG_INT, offsetof(type, member.credit),         "1024", 1,                  \
         65536,        NULL,    "requests taken at once from each bus"},                           \
        {"CBM_WORKER_ACCESS",                                                                      \
         CFG_WORD,                                                                                 \
         offsetof(type, member.worker_access),                                                     \
         "open",                                                                                   \
         0,                                                                                        \
         0,                                                                                        \
         "open|curve",                                                                             \
         "curve: the buses ask workers for keys"},                                                 \
        {"CBM_SERVER_KEY",                                                                         \
         CFG_TEXT,                                                                                 \
         offsetof(type, member.server_key),                                                        \
         "",                                                                                       \
         0,                                                                                        \
         CFG_TEXT_MAX,                                                                             \
         NULL,                                                                                     \
         "then: the server's public key in Z85, or a file that has it"},                           \
        {"CBM_CERT",                                                                               \
         CFG_TEXT,                                                                                 \
         offsetof(type, member.cert),                                                              \
         "",                                                                                       \
         0,                                                                                        \
         CFG_TEXT_MAX,                                                                             \
         NULL,                                                                                     \
         "then: the file of one's own certificate"},                                               \
    {                                                                                              \
        "CBM_PENDING_MAX", CFG_INT, offsetof(type, member.pending_max), "20000", 1, 1000000, NULL, \
            "requests that may wait for a lost Redis"                                              \
    }

struct service;

/* Makes the service: `handlers[i]` answers `interface->methods[i]`. `arg` is for op_service.
 * NULL after a line in the log; `exit_code` says why. */
struct service *service_new(struct loop *loop, const struct interface *interface,
                            op_handler_fn *const *handlers, const struct service_config *config,
                            void *arg, int *exit_code);

/* For struct run_program. */
bool service_ready(const struct service *service);
void service_drain(struct service *service);
bool service_drained(const struct service *service);
void service_destroy(struct service **service);

/* The same for struct run_program, for a state whose first member is its `struct service *`. */
bool service_run_ready(void *state);
void service_run_drain(void *state);
bool service_run_drained(void *state);
void service_run_metrics(void *state, struct buf *out);

/* Requests are answered `unavailable` until the gate (NULL: always open) returns true: a service
 * that needs a copy of somebody's records says here whether it has it. Also part of service_ready.
 */
void service_set_gate(struct service *service, bool (*open)(void *arg), void *arg);

/* How far the service's own copy of the log is (if that is less than `wanted` it hurries): requests
 * with a `min_seq` beyond it wait, and so does op_wait_seq. */
void service_set_position(struct service *service, int64_t (*position)(void *arg, int64_t wanted),
                          void *arg);

/* Documents that the service keeps in its memory, as they were when they were read, and which the
 * log says are outdated: `changed` sees every record after op_current was first asked, once, in
 * order; `lost`: forget all, the log cannot say what changed (Redis was away, or records are not
 * kept any more). Only op_current asks, so who is not asked for anything reads nothing. */
struct service_copy {
    void (*changed)(void *arg, const struct log_record *record);
    void (*lost)(void *arg);
    void *arg;
};
void service_set_copy(struct service *service, const struct service_copy *copy);

/* The service's own work that goes on while it drains: service_submit is accepted until `done` says
 * that it is over, and service_drained waits for it. */
void service_set_last(struct service *service, bool (*done)(void *arg), void *arg);

/* Work of the service's own that nobody asked for (a deadline has come): the handler runs as one of
 * a request does, with the service as its principal (role `service`), and its commit goes with
 * those at hand. `params` (`size` bytes) is copied. `done` is called once with the answer, borrowed
 * for the call, or what it was refused with; perhaps not if the service ends before (`arg` outlives
 * it), and not if false is returned: the service is ending, or memory is short. Without a store it
 * is refused after some seconds. */
typedef void service_done_fn(void *arg, enum status status, struct text result);
bool service_submit(struct service *service, op_handler_fn *handler, const void *params,
                    size_t size, service_done_fn *done, void *arg);

/* Appends the service's metrics in Prometheus' format; for struct run_program. */
void service_metrics(const struct service *service, struct buf *out);

/* Adds a number to `$stats` and the metrics; both are borrowed for good. At most 64. */
void service_add_gauge(struct service *service, const char *name, const int64_t *value);

#endif
