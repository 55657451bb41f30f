/* `cbm doctor`: is everything there, does it work, and what to do where it does not.
 * It must not change anything. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/commands.h"
#include "common/json/json.h"
#include "common/base/clock.h"
#include "common/client/link.h"
#include "common/client/publication.h"
#include "common/msg/schema.h"

#define WAIT_MS 2000

struct doctor {
    unsigned wrong, doubtful;
    int64_t last_seq; /* -1: unknown */
    json_t *bus_stats;
    json_t *found; /* for --json, else NULL */
};

static void say(struct doctor *doctor, const char *mark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What was found; without a mark it is advice on what was found last. */
static void
say(struct doctor *doctor, const char *mark, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (doctor->found)
        json_array_append_new(doctor->found,
                              json_pack("{s:s, s:s}", "mark", *mark ? mark : "advice", "text",
                                        text + strspn(text, " ")));
    else
        printf("%-5s %s\n", mark, text);
}

static json_t *
ask(struct cbm_client *client, const char *service, const char *method, const char *params,
    struct cbm_error *error, int64_t *took_us)
{
    struct cbm_reply reply = {0};
    struct cbm_options options = {.deadline_ms = WAIT_MS};
    struct buf buf = {0};
    json_t *map = params ? json_loads(params, 0, NULL) : NULL, *result = NULL;
    if (map)
        json_to_msgpack(map, &buf);
    int64_t start = clock_mono_us();
    *error = (struct cbm_error){0};
    if (cbm_call(client, service, method, buf.data, buf.len, &options, &reply) == 0)
        result = json_of_msgpack(reply.result, reply.result_len);
    *took_us = clock_mono_us() - start;
    *error = reply.error;
    cbm_reply_free(&reply);
    buf_fini(&buf);
    json_decref(map);
    return result;
}

static void
check_bus(struct doctor *doctor, const char *endpoint)
{
    struct cbm_error error;
    int64_t took_us = 0;
    struct cbm_client *client = cbm_client_new(endpoint, &error);
    json_t *info = client ? ask(client, "bus", "$info", NULL, &error, &took_us) : NULL;
    if (info) {
        say(doctor, "ok", "bus %s answers in %.1f ms, version %s", endpoint, (double)took_us / 1000,
            cli_text(info, "version"));
    } else {
        doctor->wrong++;
        say(doctor, "WRONG", "bus %s does not answer: %s", endpoint, error.message);
        say(doctor, "",
            "  start it (deploy/stack up, docker compose up -d bus), or set CBM_BUS to where "
            "it is");
        if (getenv("CBM_SERVER_KEY"))
            say(doctor, "", "  or CBM_SERVER_KEY and CBM_CERT are not those of this bus");
    }
    json_decref(info);
    cbm_client_destroy(&client);
}

static void
check_service(struct doctor *doctor, struct cbm_client *client, const char *service)
{
    struct cbm_error error;
    int64_t took_us;
    json_t *info = ask(client, service, "$info", NULL, &error, &took_us);
    if (!info) {
        doctor->wrong++;
        say(doctor, "WRONG", "%s does not answer: %s: %s", service, error.code, error.message);
        say(doctor, "",
            "  is cbm-%s running, is CBM_WORKERS the worker address of the bus (:5551), and is "
            "Redis there? Its log says so.",
            service);
        return;
    }
    const json_t *services = json_object_get(doctor->bus_stats, "services");
    size_t replicas =
        json_array_size(json_object_get(json_object_get(services, service), "workers"));
    const char *durability = cli_text(info, "durability");
    say(doctor, "ok", "%s answers in %.1f ms, version %s, %zu replica%s%s%s", service,
        (double)took_us / 1000, cli_text(info, "version"), replicas, replicas == 1 ? "" : "s",
        *durability ? ", durability " : "", durability);
    if (strcmp(cli_text(info, "version"), cbm_version()) != 0) {
        doctor->doubtful++;
        say(doctor, "doubt", "%s has version %s, this cbm %s: bring them to one version", service,
            cli_text(info, "version"), cbm_version());
    }
    if (*durability && strcmp(durability, "always") != 0) {
        doctor->doubtful++;
        say(doctor, "doubt",
            "an acknowledged change may be lost with the machine: durability is \"%s\"",
            durability);
        say(doctor, "",
            "  run Redis with appendonly yes and appendfsync always, and the services with "
            "CBM_DURABILITY=always");
    }
    json_decref(info);
}

/* The certificate's file, before anybody is asked. */
static void
check_keys(struct doctor *doctor)
{
    const char *server = getenv("CBM_SERVER_KEY"), *path = getenv("CBM_CERT");
    struct stat info;
    if (!server || !*server) {
        doctor->doubtful++;
        say(doctor, "doubt",
            "CBM_SERVER_KEY is not set: connections are not encrypted, and a bus that asks "
            "for keys refuses them");
    } else if (!path || !*path || stat(path, &info) != 0) {
        doctor->wrong++;
        say(doctor, "WRONG", "CBM_CERT names no certificate: %s",
            path && *path ? path : "it is not set");
        say(doctor, "", "  cbm key new makes one, principal.enroll lets its public key in");
    } else if (info.st_mode & (S_IRWXG | S_IRWXO)) {
        doctor->doubtful++;
        say(doctor, "doubt", "%s can be read by others: chmod 600 %s", path, path);
    }
}

static void
check_self(struct doctor *doctor, struct cbm_client *client)
{
    struct cbm_error error;
    int64_t took_us;
    json_t *self = ask(client, "registry", "principal.whoami", NULL, &error, &took_us);
    if (!self)
        return; /* that the registry does not answer was told */
    const json_t *roles = json_object_get(self, "roles");
    char words[200] = "";
    size_t len = 0;
    for (size_t i = 0; i < json_array_size(roles) && len < sizeof words; i++)
        len += (size_t)snprintf(words + len, sizeof words - len, " %s",
                                json_string_value(json_array_get(roles, i)));
    say(doctor, "ok", "you are %s:%s%s%s", cli_text(self, "id"), words,
        *cli_text(self, "member") ? " of " : "", cli_text(self, "member"));
    if (strcmp(cli_text(self, "id"), "local") == 0) {
        doctor->doubtful++;
        say(doctor, "doubt",
            "the bus asks nobody for keys (CBM_ACCESS=open): for a private network only");
    }
    json_decref(self);
}

static void
check_log(struct doctor *doctor, struct cbm_client *client)
{
    struct cbm_error error;
    int64_t took_us;
    json_t *last = ask(client, "notify", "log.last", "{\"prefix\": \"\"}", &error, &took_us);
    doctor->last_seq = last ? json_integer_value(json_object_get(last, "seq")) : -1;
    if (last) {
        say(doctor, "ok", "the log ends at seq %lld", (long long)doctor->last_seq);
    } else {
        doctor->wrong++;
        say(doctor, "WRONG", "the log cannot be read: %s: %s", error.code, error.message);
        say(doctor, "", "  is Redis running and CBM_REDIS of cbm-notify its address?");
    }
    json_decref(last);
}

/* Waits for the watermark of "" on the socket; its seq, -1 if none came. */
static int64_t
wait_for_watermark(void *socket)
{
    int64_t until = clock_mono_ms() + WAIT_MS, seq = -1, left;
    while (seq < 0 && (left = until - clock_mono_ms()) > 0) {
        zmq_pollitem_t item = {socket, 0, ZMQ_POLLIN, 0};
        if (zmq_poll(&item, 1, left) <= 0)
            continue;
        struct publication publication;
        enum publication_kind kind;
        publication_receive(socket, &publication);
        while ((kind = publication_next(&publication)) != PUBLICATION_NONE)
            if (kind == PUBLICATION_WATERMARK && publication.topic.len == 0)
                seq = publication.seq;
        publication_close(&publication);
    }
    return seq;
}

static void
check_notify(struct doctor *doctor, const char *endpoint)
{
    struct error error = {0};
    int64_t start = clock_mono_us(), seq = -1;
    zsock_t *sub = link_socket(ZMQ_SUB, &error);
    if (sub) {
        zsock_set_subscribe(sub, "");
        if (zsock_connect(sub, "%s", endpoint) == 0)
            seq = wait_for_watermark(zsock_resolve(sub));
        zsock_destroy(&sub);
    }
    if (seq < 0) {
        doctor->wrong++;
        say(doctor, "WRONG", "notify %s published nothing in %d s %s", endpoint, WAIT_MS / 1000,
            error.message);
        say(doctor, "",
            "  start it (deploy/stack up, docker compose up -d notify), or set CBM_NOTIFY to "
            "where it is");
    } else if (seq < doctor->last_seq) {
        doctor->doubtful++;
        say(doctor, "doubt", "notify %s is at seq %lld, the log at %lld: it is behind", endpoint,
            (long long)seq, (long long)doctor->last_seq);
    } else {
        say(doctor, "ok", "notify %s is live at seq %lld after %.1f ms", endpoint, (long long)seq,
            (double)(clock_mono_us() - start) / 1000);
    }
}

static void
examine(struct doctor *doctor)
{
    char one[CFG_TEXT_MAX];
    struct cbm_error error;
    int64_t took_us;
    const char *buses = link_endpoints(NULL, "CBM_BUS", LINK_BUS_DEFAULT);
    const char *publishers = link_endpoints(NULL, "CBM_NOTIFY", LINK_NOTIFY_DEFAULT);
    check_keys(doctor);
    for (const char *at = buses; (at = cfg_next_endpoint(at, one, sizeof one));)
        check_bus(doctor, one);
    struct cbm_client *client = cbm_client_new(NULL, &error);
    if (client) {
        doctor->bus_stats = ask(client, "bus", "$stats", NULL, &error, &took_us);
        for (const struct interface *const *at = interfaces; doctor->bus_stats && *at; at++)
            check_service(doctor, client, (*at)->service);
        if (doctor->bus_stats) {
            check_self(doctor, client);
            check_log(doctor, client);
        } else {
            say(doctor, "", "the services are not examined: no bus answers");
        }
    }
    for (const char *at = publishers; (at = cfg_next_endpoint(at, one, sizeof one));)
        check_notify(doctor, one);
    cbm_client_destroy(&client);
}

int
doctor_run(const struct cli_command *command, int argc, char **argv)
{
    bool as_json = false;
    const struct cli_option options[] = {
        {"json", NULL, "print {wrong, doubtful, found: [{mark, text}]}", NULL, &as_json, 0},
        CLI_OPTIONS_END,
    };
    int code = cli_arguments(command, options, &argc, argv, 0, 0);
    if (code >= 0)
        return code;
    struct doctor doctor = {.last_seq = -1, .found = as_json ? json_array() : NULL};
    examine(&doctor);
    json_decref(doctor.bus_stats);
    if (doctor.found) {
        json_t *all = json_pack("{s:i, s:i, s:o}", "wrong", (int)doctor.wrong, "doubtful",
                                (int)doctor.doubtful, "found", doctor.found);
        code = cli_print(all, false);
        json_decref(all);
        return doctor.wrong ? CLI_REFUSED : code;
    }
    if (doctor.wrong)
        printf("%u thing%s wrong\n", doctor.wrong, doctor.wrong == 1 ? " is" : "s are");
    else
        printf("all is well%s\n", doctor.doubtful ? ", with doubts" : "");
    code = cli_flush();
    return doctor.wrong ? CLI_REFUSED : code;
}
