/* libcurl, loaded when it is first needed: with the TLS, LDAP and Kerberos that come with it, it
 * would be two thirds of the memory of a service that may never send anything. It must not know
 * what is sent. */
#ifndef CBM_NOTIFY_SENDER_CURL_H
#define CBM_NOTIFY_SENDER_CURL_H

#include <curl/curl.h>
#include <stdbool.h>

/* Its functions, each under its name without `curl_`. */
struct sender_curl {
    __typeof__(curl_easy_cleanup) *easy_cleanup;
    __typeof__(curl_easy_getinfo) *easy_getinfo;
    __typeof__(curl_easy_init) *easy_init;
    __typeof__(curl_easy_setopt) *easy_setopt;
    __typeof__(curl_easy_strerror) *easy_strerror;
    __typeof__(curl_free) *free;
    __typeof__(curl_global_init) *global_init;
    __typeof__(curl_multi_add_handle) *multi_add_handle;
    __typeof__(curl_multi_assign) *multi_assign;
    __typeof__(curl_multi_cleanup) *multi_cleanup;
    __typeof__(curl_multi_info_read) *multi_info_read;
    __typeof__(curl_multi_init) *multi_init;
    __typeof__(curl_multi_remove_handle) *multi_remove_handle;
    __typeof__(curl_multi_setopt) *multi_setopt;
    __typeof__(curl_multi_socket_action) *multi_socket_action;
    __typeof__(curl_url) *url;
    __typeof__(curl_url_cleanup) *url_cleanup;
    __typeof__(curl_url_get) *url_get;
    __typeof__(curl_url_set) *url_set;
    __typeof__(curl_url_strerror) *url_strerror;
};

/* NULL each until it is loaded, which the loop's thread does before the sender's begins. */
extern struct sender_curl sender_curl;

/* False, after a line in the log, if it cannot be; the next call tries again. It stays loaded. */
bool sender_curl_load(void);

#endif
