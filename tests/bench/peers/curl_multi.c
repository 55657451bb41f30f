// LINK: -lcurl
/* The limit of webhooks by libcurl: its multi interface alone posts one and the same webhook again
 * and again, with the headers that a signed one has; nothing is made, signed or handed over.
 * Handles and connections are used again. It must not know anything of ours. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "tests/bench/bench_receiver.h"

static const char *const lines[] = {
    "content-type: application/cloudevents+json",
    "webhook-id: newsroom.100000",
    "webhook-timestamp: 1626163200",
    "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    "User-Agent: cbm-notify/0.1.0",
    "Expect:",
};

static size_t
pass(char *data, size_t size, size_t count, void *arg)
{
    (void)data;
    (void)arg;
    return size * count;
}

static CURL *
handle(const char *url, const char *body, struct curl_slist *headers)
{
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, pass);
    return easy;
}

int
main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: curl_multi IN_FLIGHT SECONDS BYTES\n");
        return 64;
    }
    char url[80], *body = calloc(1, (size_t)atoi(argv[3]) + 1);
    uint16_t port = bench_receiver_start();
    CURLM *multi = curl_multi_init();
    if (!port || !body || !multi)
        return 69;
    memset(body, 'x', (size_t)atoi(argv[3]));
    snprintf(url, sizeof url, "http://127.0.0.1:%u/hook", port);
    struct curl_slist *headers = NULL;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        headers = curl_slist_append(headers, lines[i]);
    long in_flight = atol(argv[1]), taken = 0, failed = 0;
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, in_flight);
    for (long i = 0; i < in_flight; i++)
        curl_multi_add_handle(multi, handle(url, body, headers));
    int64_t begin = clock_mono_us(), end = begin + atoll(argv[2]) * 1000000;
    for (int running = 1, left; running;) {
        curl_multi_perform(multi, &running);
        for (CURLMsg *message; (message = curl_multi_info_read(multi, &left));) {
            CURL *easy = message->easy_handle;
            taken += message->data.result == CURLE_OK;
            failed += message->data.result != CURLE_OK;
            curl_multi_remove_handle(multi, easy);
            if (clock_mono_us() < end) {
                curl_multi_add_handle(multi, easy);
                running = 1;
            } else {
                curl_easy_cleanup(easy);
            }
        }
        if (running)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
    double seconds = (double)(clock_mono_us() - begin) / 1e6;
    printf("{\"rate\":%.0f,\"failed\":%ld}\n", (double)taken / seconds, failed);
    curl_multi_cleanup(multi);
    curl_slist_free_all(headers);
    free(body);
    return failed ? 1 : 0;
}
