/* What stands in for libraries that Debian's libzmq.a and libczmq.a would bring for transports and
 * mechanisms that nothing here names: multicast (OpenPGM, NORM), GSSAPI, sockets from systemd. It
 * is linked with static libraries only. Who gets here has named one of them in an address. */
#include <stddef.h>
#include <unistd.h>

#define LEFT_OUT __attribute__((alias("left_out")))

static void
left_out(void)
{
    static const char words[] = "a transport that this program was linked without was named\n";
    ssize_t told = write(STDERR_FILENO, words, sizeof words - 1);
    _exit(told < 0 ? 70 : 78); /* EX_CONFIG */
}

/* libzmq starts and ends OpenPGM with each context, whatever is used. */
int pgm_init(void **error);
int pgm_shutdown(void);

int
pgm_init(void **error)
{
    (void)error;
    return 1;
}

int
pgm_shutdown(void)
{
    return 1;
}

void pgm_bind3(void) LEFT_OUT;
void pgm_close(void) LEFT_OUT;
void pgm_connect(void) LEFT_OUT;
void pgm_error_free(void) LEFT_OUT;
void pgm_free(void) LEFT_OUT;
void pgm_freeaddrinfo(void) LEFT_OUT;
void pgm_getaddrinfo(void) LEFT_OUT;
void pgm_getsockopt(void) LEFT_OUT;
void pgm_gsi_create_from_data(void) LEFT_OUT;
void pgm_recvmsgv(void) LEFT_OUT;
void pgm_send(void) LEFT_OUT;
void pgm_setsockopt(void) LEFT_OUT;
void pgm_socket(void) LEFT_OUT;

void NormCreateInstance(void) LEFT_OUT;
void NormCreateSession(void) LEFT_OUT;
void NormDestroyInstance(void) LEFT_OUT;
void NormDestroySession(void) LEFT_OUT;
void NormGetDescriptor(void) LEFT_OUT;
void NormGetNextEvent(void) LEFT_OUT;
void NormGetRandomSessionId(void) LEFT_OUT;
void NormIsUnicastAddress(void) LEFT_OUT;
void NormNodeDelete(void) LEFT_OUT;
void NormObjectGetType(void) LEFT_OUT;
void NormObjectGetUserData(void) LEFT_OUT;
void NormObjectSetUserData(void) LEFT_OUT;
void NormSetCongestionControl(void) LEFT_OUT;
void NormSetDefaultSyncPolicy(void) LEFT_OUT;
void NormSetDefaultUnicastNack(void) LEFT_OUT;
void NormSetLoopback(void) LEFT_OUT;
void NormSetMulticastInterface(void) LEFT_OUT;
void NormSetRxPortReuse(void) LEFT_OUT;
void NormSetTTL(void) LEFT_OUT;
void NormStartReceiver(void) LEFT_OUT;
void NormStartSender(void) LEFT_OUT;
void NormStopInstance(void) LEFT_OUT;
void NormStopReceiver(void) LEFT_OUT;
void NormStopSender(void) LEFT_OUT;
void NormStreamFlush(void) LEFT_OUT;
void NormStreamOpen(void) LEFT_OUT;
void NormStreamRead(void) LEFT_OUT;
void NormStreamSeekMsgStart(void) LEFT_OUT;
void NormStreamWrite(void) LEFT_OUT;

void gss_accept_sec_context(void) LEFT_OUT;
void gss_acquire_cred(void) LEFT_OUT;
void gss_delete_sec_context(void) LEFT_OUT;
void gss_display_name(void) LEFT_OUT;
void gss_import_name(void) LEFT_OUT;
void gss_init_sec_context(void) LEFT_OUT;
void gss_release_buffer(void) LEFT_OUT;
void gss_release_cred(void) LEFT_OUT;
void gss_release_name(void) LEFT_OUT;
void gss_unwrap(void) LEFT_OUT;
void gss_wrap(void) LEFT_OUT;

void sd_is_socket_inet(void) LEFT_OUT;
void sd_is_socket_unix(void) LEFT_OUT;
void sd_listen_fds(void) LEFT_OUT;

/* constants of theirs, which are pointers or numbers */
extern const void *const GSS_C_NT_HOSTBASED_SERVICE;
extern const void *const GSS_C_NT_USER_NAME;
extern const void *const NORM_INSTANCE_INVALID;
extern const void *const NORM_NODE_ANY;
extern const void *const NORM_OBJECT_INVALID;
extern const void *const NORM_SESSION_INVALID;
const void *const GSS_C_NT_HOSTBASED_SERVICE = NULL;
const void *const GSS_C_NT_USER_NAME = NULL;
const void *const NORM_INSTANCE_INVALID = NULL;
const void *const NORM_NODE_ANY = NULL;
const void *const NORM_OBJECT_INVALID = NULL;
const void *const NORM_SESSION_INVALID = NULL;
