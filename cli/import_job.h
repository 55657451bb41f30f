/* One record of an import: which requests bring the server to what it declares, given what is
 * there. It must not know sockets or files.
 *
 *     participant  get, then put, status for each entry that is missing, put for each missing name
 *     event        get, then the steps that are missing:
 *                  (none) → proposed → accepted → scheduled → held → reported
 *                            └ withdrawn     └ postponed, cancelled
 *     the others   one request; the server answers a repetition without a change */
#ifndef CBM_CLI_IMPORT_JOB_H
#define CBM_CLI_IMPORT_JOB_H

#include <jansson.h>
#include <stdbool.h>

#include "common/client/cbm.h"

enum import_next { IMPORT_ASK, IMPORT_DONE, IMPORT_REFUSED };

struct import_job {
    const char *kind; /* of the table of kinds */
    char name[96];    /* what it is about, "KZ" */
    bool one_by_one;  /* records of its kind must not run at once */
    bool changed;     /* something was not there */
    int64_t before;   /* the last seq before the import: a record after it is a change */
    char why[640];    /* why it was refused */
    /* private */
    json_t *record; /* owned */
    json_t *there;  /* owned: what the server has, NULL if nothing */
    json_t *steps;  /* owned: requests to make, [[method, params], …] */
    size_t at;
    bool looked;
    const char *service, *method; /* of the request under way */
};

/* Makes a job of a record, which is taken. False with job->why if it is no usable record; the job
 * must be finished in any case. */
bool import_job_open(struct import_job *job, json_t *record);
void import_job_close(struct import_job *job);

/* What to do now. With IMPORT_ASK: job->service, job->method, and `*params`, owned by the caller.
 */
enum import_next import_job_next(struct import_job *job, json_t **params);

/* The answer to the last request: a result (borrowed), or NULL and an error. */
void import_job_answer(struct import_job *job, json_t *result, const struct cbm_error *error);

/* Instead of an answer, in a dry run: as if nothing had been there and the step was done. */
void import_job_pretend(struct import_job *job);

#endif
