/* `cbm top`: what the bus and the services are doing, from their $stats. It must not know methods.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "common/base/clock.h"

#define EVERY_MS 2000
#define METHODS_SHOWN 20

static long long
number(const json_t *map, const char *key)
{
    return (long long)json_integer_value(json_object_get(map, key));
}

static void
add_row(struct cli_table *table, const char *name, const json_t *stats, const json_t *before,
        double seconds, long long queue, size_t workers)
{
    char text[6][32];
    long long requests = number(stats, "requests"), earlier = number(before, "requests");
    snprintf(text[0], sizeof text[0], "%lld", requests);
    snprintf(text[1], sizeof text[1], "%.1f",
             seconds > 0 && requests >= earlier ? (double)(requests - earlier) / seconds : 0);
    snprintf(text[2], sizeof text[2], "%lld", number(stats, "errors"));
    snprintf(text[3], sizeof text[3], "%.2f", (double)number(stats, "p50_us") / 1000);
    snprintf(text[4], sizeof text[4], "%.2f", (double)number(stats, "p99_us") / 1000);
    if (queue >= 0)
        snprintf(text[5], sizeof text[5], "%lld (%zu)", queue, workers);
    else
        text[5][0] = '\0';
    cli_table_row(table,
                  (const char *[]){name, text[0], text[1], text[2], text[3], text[4], text[5]});
}

/* The services as the bus sees them; `seconds` since `before`, or 0. */
static void
print_services(const json_t *stats, const json_t *before, double seconds)
{
    struct cli_table table = {.columns = 7};
    const char *name;
    json_t *service;
    printf("bus: %lld requests, %lld open, %lld expired, %lld refused, %lld repeated, %lld workers "
           "lost\n\n",
           number(stats, "requests"), number(stats, "open"), number(stats, "expired"),
           number(stats, "refused_full"), number(stats, "repeated"), number(stats, "workers_lost"));
    cli_table_row(&table, (const char *[]){"SERVICE", "REQUESTS", "PER SECOND", "ERRORS", "P50 MS",
                                           "P99 MS", "QUEUE (WORKERS)"});
    json_object_foreach(json_object_get(stats, "services"), name, service)
    {
        const json_t *earlier = json_object_get(json_object_get(before, "services"), name);
        add_row(&table, name, service, earlier, seconds, number(service, "queue"),
                json_array_size(json_object_get(service, "workers")));
    }
    cli_table_print(&table);
}

/* The methods of one replica of a service that were ever called. */
static void
add_methods(struct cli_table *table, const json_t *stats)
{
    const char *name;
    json_t *method;
    json_object_foreach(json_object_get(stats, "methods"), name, method)
    {
        if (number(method, "requests") > 0 && table->rows <= METHODS_SHOWN)
            add_row(table, name, method, NULL, 0, -1, 0);
    }
}

static int
print_all(struct cbm_client *client, json_t **before, double seconds)
{
    int code = 0;
    json_t *stats = cli_call(client, "bus", "$stats", NULL, NULL, &code);
    if (!stats)
        return code;
    if (isatty(STDOUT_FILENO))
        fputs("\033[H\033[2J", stdout);
    print_services(stats, *before, seconds);
    struct cli_table table = {.columns = 7};
    cli_table_row(&table, (const char *[]){"METHOD (ONE REPLICA)", "REQUESTS", "", "ERRORS",
                                           "P50 MS", "P99 MS", ""});
    const char *name;
    json_t *service;
    json_object_foreach(json_object_get(stats, "services"), name, service)
    {
        if (json_array_size(json_object_get(service, "workers")) == 0)
            continue;
        struct cbm_options quick = {.deadline_ms = 1000};
        json_t *own = cli_call(client, name, "$stats", NULL, &quick, &code);
        add_methods(&table, own);
        json_decref(own);
    }
    putchar('\n');
    cli_table_print(&table);
    json_decref(*before);
    *before = stats;
    return cli_flush();
}

static int
print_stats(struct cbm_client *client)
{
    int code = 0;
    json_t *stats = cli_call(client, "bus", "$stats", NULL, NULL, &code);
    if (stats)
        code = cli_print(stats, true);
    if (code == 0)
        code = cli_flush();
    json_decref(stats);
    return code;
}

int
top_run(const struct cli_command *command, int argc, char **argv)
{
    bool once = false, as_json = false;
    const struct cli_option options[] = {
        {"json", NULL, "the bus's $stats, one JSON object a line", NULL, &as_json, 0},
        {"once", NULL, "print once and end", NULL, &once},
        CLI_OPTIONS_END,
    };
    int code = cli_arguments(command, options, &argc, argv, 0, 0);
    if (code >= 0)
        return code;
    struct cbm_client *client = cli_connect();
    if (!client)
        return EX_CONFIG;
    json_t *before = NULL;
    int64_t at = clock_mono_ms();
    do {
        int64_t now = clock_mono_ms();
        code = as_json ? print_stats(client)
                       : print_all(client, &before, before ? (double)(now - at) / 1000 : 0);
        at = now;
        struct timespec pause = {EVERY_MS / 1000, 0};
        if (!once && code == 0)
            nanosleep(&pause, NULL);
    } while (!once && code == 0);
    json_decref(before);
    cbm_client_destroy(&client);
    return code;
}
