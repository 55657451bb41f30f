/* libmicrohttpd, loaded with the first listener: with the TLS that it brings it would be a third of
 * the memory of a service, and most have none (docs/decisions/0024). It must not know what is
 * served. */
#ifndef CBM_BASE_MICROHTTPD_H
#define CBM_BASE_MICROHTTPD_H

#include <microhttpd.h>

/* Its functions, each under its name without `MHD_`. */
struct microhttpd {
    __typeof__(MHD_add_response_header) *add_response_header;
    __typeof__(MHD_create_response_from_buffer) *create_response_from_buffer;
    __typeof__(MHD_create_response_from_callback) *create_response_from_callback;
    __typeof__(MHD_destroy_response) *destroy_response;
    __typeof__(MHD_get_connection_info) *get_connection_info;
    __typeof__(MHD_get_connection_values_n) *get_connection_values_n;
    __typeof__(MHD_get_daemon_info) *get_daemon_info;
    __typeof__(MHD_get_timeout) *get_timeout;
    __typeof__(MHD_lookup_connection_value) *lookup_connection_value;
    __typeof__(MHD_queue_response) *queue_response;
    __typeof__(MHD_quiesce_daemon) *quiesce_daemon;
    __typeof__(MHD_resume_connection) *resume_connection;
    __typeof__(MHD_run) *run;
    __typeof__(MHD_start_daemon) *start_daemon;
    __typeof__(MHD_stop_daemon) *stop_daemon;
    __typeof__(MHD_suspend_connection) *suspend_connection;
};

/* NULL each until it is loaded. */
extern struct microhttpd microhttpd;

/* NULL, or why it cannot be loaded. It stays loaded. */
const char *microhttpd_load(void);

#endif
