/* See microhttpd.h. */
#include "common/base/microhttpd.h"

#include <stddef.h>

#include "common/base/library.h"

#define ROW(name)                                                                                  \
    {                                                                                              \
        "MHD_" #name, offsetof(struct microhttpd, name)                                            \
    }

static const struct library_function functions[] = {
    ROW(add_response_header),
    ROW(create_response_from_buffer),
    ROW(create_response_from_callback),
    ROW(destroy_response),
    ROW(get_connection_info),
    ROW(get_connection_values_n),
    ROW(get_daemon_info),
    ROW(get_timeout),
    ROW(lookup_connection_value),
    ROW(queue_response),
    ROW(quiesce_daemon),
    ROW(resume_connection),
    ROW(run),
    ROW(start_daemon),
    ROW(stop_daemon),
    ROW(suspend_connection),
};

struct microhttpd microhttpd;

const char *
microhttpd_load(void)
{
    if (microhttpd.start_daemon)
        return NULL;
    return library_load("libmicrohttpd.so.12", functions, sizeof functions / sizeof *functions,
                        &microhttpd);
}
