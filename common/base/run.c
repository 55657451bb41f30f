/* See run.h. */
#include "common/base/run.h"

#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/man.h"
#include "common/base/metrics.h"

#define READY_EVERY_MS 500
#define READY_LOOK_MS 20 /* how often it is asked whether it became ready */
#define READY_FRESH_S 5

struct run_config {
    int64_t log_level, log_format, grace_ms;
    char ready_file[CFG_TEXT_MAX], metrics[CFG_TEXT_MAX];
};

static const struct cfg_row run_rows[] = {
    {"CBM_LOG_LEVEL", CFG_WORD, offsetof(struct run_config, log_level), "info", 0, 0,
     "debug|info|warn|error", "what is logged"},
    {"CBM_LOG_FORMAT", CFG_WORD, offsetof(struct run_config, log_format), "logfmt", 0, 0,
     "logfmt|json", "how it is logged"},
    {"CBM_GRACE_MS", CFG_INT, offsetof(struct run_config, grace_ms), "8000", 0, 600000, NULL,
     "how long SIGTERM waits for work under way, ms"},
    {"CBM_READY_FILE", CFG_TEXT, offsetof(struct run_config, ready_file), "", 0, CFG_TEXT_MAX, NULL,
     "a file that is kept fresh while the program is ready; --health looks at it"},
    {"CBM_METRICS", CFG_TEXT, offsetof(struct run_config, metrics), "", 0, CFG_TEXT_MAX, NULL,
     "address:port on which GET /metrics answers in Prometheus' format"},
    CFG_END,
};

struct run {
    const struct run_program *program;
    struct run_config config;
    struct loop *loop;
    void *state;
    struct metrics *metrics;
    int64_t started_ms;
    int signal_fd;
    bool was_ready, draining;
    int64_t refresh_at_ms, grace_ends_ms;
    int exit_code;
};

static void
refresh_ready_file(const struct run *run, bool ready)
{
    const char *path = run->config.ready_file;
    if (!*path)
        return;
    if (!ready) {
        unlink(path);
        return;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0)
        log_event(LOG_LEVEL_WARN, "ready file not written", LOG_TEXT("path", path),
                  LOG_TEXT("error", strerror(errno)));
    if (fd >= 0)
        close(fd);
}

static int64_t
run_tick(void *arg, int64_t now_ms)
{
    struct run *run = arg;
    bool ready = !run->draining && run->program->ready(run->state);
    if (ready != run->was_ready) {
        run->was_ready = ready;
        run->refresh_at_ms = now_ms;
        log_write(LOG_LEVEL_INFO, ready ? "ready" : "not ready", NULL);
    }
    if (now_ms >= run->refresh_at_ms) { /* ticks come for many reasons, files are not for each */
        refresh_ready_file(run, ready);
        run->refresh_at_ms = now_ms + READY_EVERY_MS;
    }
    if (!run->draining)
        return ready ? run->refresh_at_ms : now_ms + READY_LOOK_MS;
    if (run->program->drained(run->state)) {
        loop_stop(run->loop);
    } else if (now_ms >= run->grace_ends_ms) {
        log_write(LOG_LEVEL_WARN, "grace time is over with work under way", NULL);
        run->exit_code = EX_TEMPFAIL;
        loop_stop(run->loop);
    }
    return now_ms + 10;
}

static void
on_signal(void *arg, short revents)
{
    (void)revents;
    struct run *run = arg;
    struct signalfd_siginfo info;
    if (read(run->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    if (run->draining) {
        log_write(LOG_LEVEL_WARN, "second signal: ending at once", NULL);
        run->exit_code = 128 + (int)info.ssi_signo;
        loop_stop(run->loop);
        return;
    }
    log_event(LOG_LEVEL_INFO, "draining", LOG_NUMBER("signal", info.ssi_signo));
    run->draining = true;
    run->grace_ends_ms = clock_mono_ms() + run->config.grace_ms;
    run->program->drain(run->state);
    loop_tick_by(run->loop, clock_mono_ms());
}

static int
open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int
health(const char *path)
{
    struct stat info;
    if (!*path) {
        fprintf(stderr, "--health needs CBM_READY_FILE\n");
        return EX_USAGE;
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (stat(path, &info) != 0 || now.tv_sec - info.st_mtim.tv_sec > READY_FRESH_S) {
        fprintf(stderr, "not ready\n");
        return EX_UNAVAILABLE;
    }
    return EX_OK;
}

static void
usage(const struct run_program *program)
{
    printf(
        "%s: %s\n\nusage: %s [--config FILE] [--check-config] [--health] [--version] [--help]\n\n"
        "Settings, by environment or in a ZPL file (there without CBM_ and in lower case):\n",
        program->name, program->about, program->name);
    cfg_print(program->rows);
    cfg_print(run_rows);
}

static void
list_settings(const struct cfg_row *rows)
{
    char text[1024];
    for (const struct cfg_row *row = rows; row->name; row++) {
        snprintf(text, sizeof text, "%s%s%s (default: %s).", row->doc, row->words ? ": " : "",
                 row->words ? row->words : "", *row->fallback ? row->fallback : "none");
        man_item(row->name, NULL, text);
    }
}

/* The same as a page of the manual. */
static void
manual(const struct run_program *program)
{
    man_page(program->name, 8, CBM_VERSION, program->about);
    man_section("SYNOPSIS");
    man_text("[--config FILE] [--check-config] [--health] [--version] [--help]");
    man_section("DESCRIPTION");
    man_text(
        "Runs until SIGTERM or SIGINT, which let it finish what it has begun; a second one ends "
        "it at once. Logs go to the standard error, a line a record.");
    man_section("OPTIONS");
    man_item("--config", "FILE", "Reads settings from a ZPL file; the environment goes before.");
    man_item("--check-config", NULL, "Checks the settings and starts nothing.");
    man_item("--health", NULL,
             "Exit code 0 if the process that keeps CBM_READY_FILE fresh is ready.");
    man_section("ENVIRONMENT");
    man_text("In the file the same names without CBM_ and in lower case.");
    list_settings(program->rows);
    list_settings(run_rows);
    man_section("EXIT STATUS");
    man_text("0 after a drained end; 64 for wrong use, 69 if something needed is missing, 78 for a "
             "wrong setting (sysexits).");
}

static void
write_metrics(void *arg, struct buf *out)
{
    const struct run *run = arg;
    metrics_head(out, "cbm_ready", "gauge", "1 while the program would answer a request.");
    metrics_value(out, "cbm_ready", NULL, run->was_ready);
    metrics_head(out, "cbm_uptime_seconds", "gauge", "Time since the start.");
    metrics_seconds(out, "cbm_uptime_seconds", NULL, (clock_mono_ms() - run->started_ms) * 1000);
    if (run->program->metrics)
        run->program->metrics(run->state, out);
}

static int
run_loop(struct run *run)
{
    if (run->config.metrics[0] &&
        !(run->metrics = metrics_new(run->loop, run->config.metrics, write_metrics, run)))
        return EX_CONFIG;
    if (loop_watch_fd(run->loop, run->signal_fd, ZMQ_POLLIN, on_signal, run) != 0 ||
        loop_add_tick(run->loop, run_tick, run) != 0)
        return EX_SOFTWARE;
    if (loop_run(run->loop) == 0)
        return run->exit_code;
    log_event(LOG_LEVEL_ERROR, "the loop broke", LOG_TEXT("error", zmq_strerror(zmq_errno())));
    return EX_SOFTWARE;
}

static int
run_service(struct run *run, const void *config)
{
    run->started_ms = clock_mono_ms();
    run->exit_code = EX_UNAVAILABLE;
    run->signal_fd = open_signals();
    run->loop = loop_new();
    if (run->signal_fd < 0 || !run->loop) {
        log_write(LOG_LEVEL_ERROR, "no signals or no memory", NULL);
        return EX_OSERR;
    }
    zsys_set_linger(200);
    run->state = run->program->start(run->loop, config, &run->exit_code);
    if (run->state) {
        run->exit_code = EX_OK;
        run->exit_code = run_loop(run);
        refresh_ready_file(run, false);
        metrics_destroy(&run->metrics);
        run->program->stop(run->state);
        log_event(LOG_LEVEL_INFO, "ended", LOG_NUMBER("exit", run->exit_code));
    }
    return run->exit_code;
}

int
run_main(const struct run_program *program, int argc, char **argv)
{
    struct run run = {.program = program, .signal_fd = -1};
    const char *file = NULL;
    bool check = false, ask_health = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            usage(program);
            return EX_OK;
        } else if (strcmp(argv[i], "--man") == 0) {
            manual(program);
            return EX_OK;
        } else if (strcmp(argv[i], "--version") == 0) {
            printf("%s %s\n", program->name, CBM_VERSION);
            return EX_OK;
        } else if (strcmp(argv[i], "--check-config") == 0) {
            check = true;
        } else if (strcmp(argv[i], "--health") == 0) {
            ask_health = true;
        } else if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
            file = argv[++i];
        } else {
            fprintf(stderr, "%s: unknown argument %s (see --help)\n", program->name, argv[i]);
            return EX_USAGE;
        }
    }
    zsys_handler_set(NULL); /* signals are ours, read from a descriptor */
    void *config = calloc(1, program->config_size ? program->config_size : 1);
    int code = EX_CONFIG;
    if (config && cfg_load(run_rows, &run.config, file) == 0 &&
        cfg_load(program->rows, config, file) == 0) {
        log_setup(program->name, (enum log_level)run.config.log_level,
                  (enum log_format)run.config.log_format);
        if (ask_health)
            code = health(run.config.ready_file);
        else
            code = check ? EX_OK : run_service(&run, config);
    }
    loop_destroy(&run.loop);
    if (run.signal_fd >= 0)
        close(run.signal_fd);
    free(config);
    zsys_shutdown();
    return code;
}
