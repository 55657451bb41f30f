/* See notify_sender_curl.h. */
#include "services/notify/notify_sender_curl.h"

#include <stddef.h>

#include "common/base/library.h"
#include "common/base/log.h"

#define LIBRARY "libcurl.so.4"
#define ROW(name)                                                                                  \
    {                                                                                              \
        "curl_" #name, offsetof(struct sender_curl, name)                                          \
    }

static const struct library_function functions[] = {
    ROW(easy_cleanup),
    ROW(easy_getinfo),
    ROW(easy_init),
    ROW(easy_setopt),
    ROW(easy_strerror),
    ROW(free),
    ROW(global_init),
    ROW(multi_add_handle),
    ROW(multi_assign),
    ROW(multi_cleanup),
    ROW(multi_info_read),
    ROW(multi_init),
    ROW(multi_remove_handle),
    ROW(multi_setopt),
    ROW(multi_socket_action),
    ROW(url),
    ROW(url_cleanup),
    ROW(url_get),
    ROW(url_set),
    ROW(url_strerror),
};

struct sender_curl sender_curl;

bool
sender_curl_load(void)
{
    static bool loaded;
    if (loaded)
        return true;
    const char *error =
        library_load(LIBRARY, functions, sizeof functions / sizeof *functions, &sender_curl);
    if (!error && sender_curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        error = "it cannot begin";
    if (error)
        log_event(LOG_LEVEL_ERROR, "nothing can be sent without " LIBRARY,
                  LOG_TEXT("error", error));
    loaded = !error;
    return loaded;
}
