/* See op.h: a copy of documents in the service's memory, and what the log says of it since. Only
 * who asks makes it read on, by seq: the log has no holes. It must not know what is copied. */
#include "common/service/service_internal.h"

#define BEHIND_MAX 2000 /* records; what is further behind is read anew rather than caught up */
#define READ_MAX 250    /* records in one command */

static void
forget(struct service *service, int64_t seq)
{
    if (service->copy.lost)
        service->copy.lost(service->copy.arg);
    service->copy_seq = seq;
}

void
op_current_lost(struct service *service)
{
    forget(service, -1);
    service->log_end = 0;
}

void
op_current_end(struct service *service, int64_t seq)
{
    if (seq < service->log_end) /* it is another log */
        op_current_lost(service);
    service->log_end = seq;
}

static void
on_records(void *arg, unsigned slot, bool ok, const struct store_log_page *page)
{
    struct service *service = arg;
    unsigned asked = service->current_count;
    service->current_count = 0;
    bool expected = ok && service->copy_seq >= 0 && (unsigned)service->copy_seq == slot;
    if (expected && page->count < asked) {
        forget(service, service->copy_seq + asked);
    } else if (expected) {
        for (unsigned i = 0; i < page->count; i++)
            service->copy.changed(service->copy.arg, &page->records[i]);
        service->copy_seq += asked;
    }
    struct op *op = service->current;
    service->current = NULL;
    while (op) {
        struct op *next = op->next_current;
        op_arrived(op, ok);
        op = next;
    }
}

static void
read_on(struct service *service)
{
    int64_t behind = service->log_end - service->copy_seq;
    service->current_count = behind < READ_MAX ? (unsigned)behind : READ_MAX;
    store_get_records(service->store, service->copy_seq, service->current_count, on_records,
                      service, (unsigned)service->copy_seq);
}

enum status
op_current(struct op *op, int64_t *seq)
{
    struct service *service = op->service;
    int64_t end;
    *seq = service->copy_seq;
    enum status status = op_seq(op, &end);
    if (status != STATUS_OK)
        return status;
    if (service->copy_seq < 0 || end - service->copy_seq > BEHIND_MAX)
        forget(service, end);
    *seq = service->copy_seq;
    if (service->copy_seq >= end)
        return STATUS_OK;
    op->next_current = service->current;
    service->current = op;
    op->outstanding++;
    if (!service->current_count)
        read_on(service);
    return STATUS_AGAIN;
}
