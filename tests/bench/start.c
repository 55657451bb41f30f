/* The time from exec to the first answer. `cbm` waits until the service has no worker, starts the
 * program and asks $ping every 2 ms; `nats` asks for PING until PONG. Ends what it started. It must
 * not know more of the two protocols than that.
 * usage: start cbm BUS SERVICE PROGRAM [ARG…] | start nats PORT PROGRAM [ARG…] */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/bus/mdp.h"
#include "common/bus/rpc.h"
#include "tests/bench/bench_run.h"

#define WAIT_US 20000000

static pid_t
start(char **argv)
{
    pid_t pid = fork();
    if (pid == 0) {
        close(STDOUT_FILENO);
        execv(argv[0], argv);
        _exit(127);
    }
    return pid;
}

static void
end(pid_t pid)
{
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}

/* Whether a $ping is answered by the service: 1 yes, 0 an error came, -1 nothing within 2 ms. */
static int
ping(void *client, const char *service)
{
    static uint32_t next;
    struct buf body = {0};
    int answer = -1;
    rpc_request_write(&body, ++next, "$ping", "\x80", 1);
    zmq_send(client, MDP_CLIENT, MDP_HEADER_LEN, ZMQ_SNDMORE);
    zmq_send(client, "\1", 1, ZMQ_SNDMORE);
    zmq_send(client, service, strlen(service), ZMQ_SNDMORE);
    zmq_send(client, body.data, body.len, 0);
    buf_fini(&body);
    zmq_pollitem_t item = {client, 0, ZMQ_POLLIN, 0};
    if (zmq_poll(&item, 1, 2) <= 0)
        return -1;
    while (item.revents) {
        zmq_msg_t frame;
        int more = 1;
        for (unsigned i = 0; more; i++) {
            zmq_msg_init(&frame);
            zmq_msg_recv(&frame, client, 0);
            more = zmq_msg_more(&frame);
            const uint8_t *data = zmq_msg_data(&frame);
            if (i == 3) { /* [1, msgid, error, result]: the error after a msgid of 1 to 5 bytes */
                size_t width = data[2] < 0x80 ? 1 : data[2] == 0xcc ? 2 : data[2] == 0xcd ? 3 : 5;
                answer = data[2 + width] == 0xc0;
            }
            zmq_msg_close(&frame);
        }
        if (answer == 1 || zmq_poll(&item, 1, 0) <= 0)
            break;
    }
    return answer;
}

static int
run_cbm(char **argv)
{
    void *context = zmq_ctx_new(), *client = zmq_socket(context, ZMQ_DEALER);
    int none = 0;
    zmq_setsockopt(client, ZMQ_LINGER, &none, sizeof none);
    zmq_connect(client, argv[0]);
    int64_t begin = clock_mono_us();
    while (ping(client, argv[1]) != 0)
        if (clock_mono_us() - begin > WAIT_US)
            bench_fail("%s has workers already", argv[1]);
    begin = clock_mono_us();
    pid_t pid = start(argv + 2);
    int answer;
    while ((answer = ping(client, argv[1])) != 1) {
        if (clock_mono_us() - begin > WAIT_US)
            bench_fail("%s does not serve", argv[1]);
        if (answer == 0)
            usleep(2000);
    }
    printf("{\"ms\":%.2f}\n", (double)(clock_mono_us() - begin) / 1e3);
    end(pid);
    zmq_close(client);
    zmq_ctx_term(context);
    return 0;
}

static bool
nats_answers(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool answered = false;
    char text[4096];
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        static const char hello[] = "CONNECT {\"verbose\":false}\r\nPING\r\n";
        size_t len = 0;
        ssize_t got;
        if (write(fd, hello, sizeof hello - 1) > 0)
            while (!answered && len < sizeof text - 1 &&
                   (got = read(fd, text + len, sizeof text - 1 - len)) > 0) {
                len += (size_t)got;
                text[len] = '\0';
                answered = strstr(text, "PONG") != NULL;
            }
    }
    close(fd);
    return answered;
}

static int
run_nats(char **argv)
{
    int64_t begin = clock_mono_us();
    pid_t pid = start(argv + 1);
    while (!nats_answers((uint16_t)atoi(argv[0]))) {
        if (clock_mono_us() - begin > WAIT_US)
            bench_fail("nats-server does not serve");
        usleep(1000);
    }
    printf("{\"ms\":%.2f}\n", (double)(clock_mono_us() - begin) / 1e3);
    end(pid);
    return 0;
}

int
main(int argc, char **argv)
{
    if (argc >= 5 && strcmp(argv[1], "cbm") == 0)
        return run_cbm(argv + 2);
    if (argc >= 4 && strcmp(argv[1], "nats") == 0)
        return run_nats(argv + 2);
    bench_fail("usage: start cbm BUS SERVICE PROGRAM [ARG…] | start nats PORT PROGRAM [ARG…]");
}
