/* What the programs on NATS share: connections and a stream. */
#ifndef CBM_BENCH_NATS_HELPER_H
#define CBM_BENCH_NATS_HELPER_H

#include <nats/nats.h>
#include <stdio.h>
#include <string.h>

#define NATS_STREAM "CBM"

/* A connection whose messages are delivered by the library's shared threads (`shared`), or by one
 * of the subscription's own; what a subscription holds is not bounded. NULL after a line on stderr.
 */
static inline natsConnection *
nats_open(const char *url, bool shared)
{
    natsOptions *options = NULL;
    natsConnection *connection = NULL;
    natsStatus status = natsOptions_Create(&options);
    if (status == NATS_OK)
        status = natsOptions_SetURL(options, url);
    if (status == NATS_OK)
        status = natsOptions_UseGlobalMessageDelivery(options, shared);
    if (status == NATS_OK)
        status = natsConnection_Connect(&connection, options);
    natsOptions_Destroy(options);
    if (status != NATS_OK)
        fprintf(stderr, "%s: %s\n", url, natsStatus_GetText(status));
    return connection;
}

/* The stream of all "events.>" on files, made anew if `fresh`. */
static inline jsCtx *
nats_stream(natsConnection *connection, bool fresh)
{
    static const char *subjects[] = {"events.>"};
    jsCtx *js = NULL;
    jsStreamConfig config;
    jsErrCode code = 0;
    jsStreamConfig_Init(&config);
    config.Name = NATS_STREAM;
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    natsStatus status = natsConnection_JetStream(&js, connection, NULL);
    if (status == NATS_OK && fresh)
        js_DeleteStream(js, NATS_STREAM, NULL, &code);
    if (status == NATS_OK && fresh)
        status = js_AddStream(NULL, js, &config, NULL, &code);
    if (status == NATS_OK)
        return js;
    fprintf(stderr, "stream: %s (%d)\n", natsStatus_GetText(status), (int)code);
    return NULL;
}

#endif
