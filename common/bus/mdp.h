/* ZeroMQ RFC 18/MDP (Majordomo 0.2): the words of the protocol, and our documented extensions.
 * Client REQUEST: "MDPC02" 0x01 service body…        reply: "MDPC02" 0x02|0x03 service body
 * Worker READY: "MDPW02" 0x01 service [credit]       REQUEST to it: "MDPW02" 0x02 address "" body…
 * its answer: "MDPW02" 0x03|0x04 address "" body     both ways: HEARTBEAT 0x05, DISCONNECT 0x06
 * The address is an envelope the worker echoes; what is in it is the bus's own. */
#ifndef CBM_BUS_MDP_H
#define CBM_BUS_MDP_H

#define MDP_CLIENT "MDPC02"
#define MDP_WORKER "MDPW02"
#define MDP_HEADER_LEN 6

enum mdp_client_command { MDPC_REQUEST = 0x01, MDPC_PARTIAL = 0x02, MDPC_FINAL = 0x03 };

enum mdp_worker_command {
    MDPW_READY = 0x01,
    MDPW_REQUEST = 0x02,
    MDPW_PARTIAL = 0x03,
    MDPW_FINAL = 0x04,
    MDPW_HEARTBEAT = 0x05,
    MDPW_DISCONNECT = 0x06,
};

/* Extension: READY's fourth frame is the credit, an ASCII decimal: how many requests the worker
 * takes at once (absent = 1, as in the RFC). */
#define MDP_CREDIT_MAX 65536

/* A worker that drains sends DISCONNECT, goes on answering what it was given, and ends when the
 * bus, having got the last answer, sends DISCONNECT back. */
#define MDP_HEARTBEAT_MS 500
#define MDP_LIVENESS 4 /* beats missed before the other side is taken for dead */

#define MDP_SERVICE_MAX 64
#define MDP_DEADLINE_DEFAULT_MS 5000 /* of a request that waits for a worker and set none */

#endif
