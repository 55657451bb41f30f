/* The methods and records of every service, made from the .def files. Data only. */
#include "common/msg/messages.h"

#define COUNT(array) (unsigned)(sizeof(array) / sizeof *(array))
#define METHOD_ROW(id, name, params, result, read_only, permission, answers, doc) \
    {name, &params##_schema, &result##_schema, answers, read_only, permission, doc, sizeof(name) - 1},
#define RECORD_ROW(type, topic, data, has_from, doc) {type, topic, &data##_schema, has_from, doc},

#define RULE_ROW(method, roles, doc) {method, roles, doc},

#define METHOD METHOD_ROW
static const struct method registry_methods[] = {
#include "common/msg/def_begin.h"
#include "common/msg/registry.def"
#include "common/msg/def_end.h"
};
#define METHOD METHOD_ROW
static const struct method events_methods[] = {
#include "common/msg/def_begin.h"
#include "common/msg/events.def"
#include "common/msg/def_end.h"
};
#define METHOD METHOD_ROW
static const struct method notify_methods[] = {
#include "common/msg/def_begin.h"
#include "common/msg/notify.def"
#include "common/msg/def_end.h"
};
#define RECORD RECORD_ROW
static const struct record_type registry_records[] = {
#include "common/msg/def_begin.h"
#include "common/msg/registry.def"
#include "common/msg/def_end.h"
};
#define RECORD RECORD_ROW
static const struct record_type events_records[] = {
#include "common/msg/def_begin.h"
#include "common/msg/events.def"
#include "common/msg/def_end.h"
};
#define RECORD RECORD_ROW
static const struct record_type notify_records[] = {
#include "common/msg/def_begin.h"
#include "common/msg/notify.def"
#include "common/msg/def_end.h"
};
#define RULE RULE_ROW
static const struct rule registry_rules[] = {
#include "common/msg/def_begin.h"
#include "common/msg/registry.def"
#include "common/msg/def_end.h"
};
#define RULE RULE_ROW
static const struct rule events_rules[] = {
#include "common/msg/def_begin.h"
#include "common/msg/events.def"
#include "common/msg/def_end.h"
};
#define RULE RULE_ROW
static const struct rule notify_rules[] = {
#include "common/msg/def_begin.h"
#include "common/msg/notify.def"
#include "common/msg/def_end.h"
};

const struct interface registry_interface = {
    "registry", "Participants, chairmanship, bodies, catalogue.", registry_methods,
    COUNT(registry_methods), registry_records, COUNT(registry_records),
    registry_rules, COUNT(registry_rules)};
const struct interface events_interface = {
    "events", "The annual plan and its events.", events_methods, COUNT(events_methods),
    events_records, COUNT(events_records), events_rules, COUNT(events_rules)};
const struct interface notify_interface = {
    "notify", "The log, live and on replay.", notify_methods, COUNT(notify_methods),
    notify_records, COUNT(notify_records), notify_rules, COUNT(notify_rules)};

const struct interface *const interfaces[] = {&registry_interface, &events_interface,
                                              &notify_interface, NULL};
