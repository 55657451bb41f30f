/* See notify_sender_curl.h. */
#include "services/notify/notify_sender_curl.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "common/base/log.h"

#define LIBRARY "libcurl.so.4"
#define ROW(name)                                                                                  \
    {                                                                                              \
        "curl_" #name, offsetof(struct sender_curl, name)                                          \
    }

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
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

static bool
find(void *library)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *function = dlsym(library, functions[i].name);
        if (!function)
            return false;
        memcpy((char *)&sender_curl + functions[i].offset, &function, sizeof function);
    }
    return true;
}

bool
sender_curl_load(void)
{
    static bool loaded;
    if (loaded)
        return true;
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    const char *error = library ? "it is another" : dlerror();
    loaded = library && find(library) && sender_curl.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    if (!loaded)
        log_event(LOG_LEVEL_ERROR, "nothing can be sent without " LIBRARY,
                  LOG_TEXT("error", error));
    if (!loaded && library)
        dlclose(library);
    return loaded;
}
