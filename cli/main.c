/* `cbm`: the officer's and operator's command. One table of commands; each has its own file.
 * It must not know what the commands do. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "common/base/man.h"

static const struct cli_command commands[] = {
    {"call", "SERVICE METHOD ['{json}']", "Calls a method and prints its result as JSON.",
     "Exit code: 0, 1 if it was refused (the error on stderr), 64 for wrong use, 69 if nobody "
     "answered.\nExample: cbm call events event.get '{\"id\": \"asean-cica-forum-2021\"}'",
     call_run},
    {"ping", "[SERVICE]", "Shows how fast a service, or every one, answers.", NULL, call_ping_run},
    {"methods", "[SERVICE [METHOD]]", "Lists methods, or the parameters of one.", NULL,
     methods_run},
    {"import", "DIR|FILE…", "Brings the registry and the plan to what files declare.",
     "JSON Lines, one record a line; of a directory every *.jsonl in the order of names. What is\n"
     "there already stays: the same import again changes nothing. Each line that is refused is\n"
     "told with its reason, and the exit code is then 1.",
     import_run},
    {"subscribe", "PREFIX", "Prints every notification under a topic prefix, once, in order.",
     "The prefix ends at a level: \"\" for all, events., events.economic., plan.2021. …\n"
     "Without --from and --cursor it begins now. Exit code 3: records that were asked for are no\n"
     "longer kept; --resync goes on with the oldest that is instead.",
     subscribe_run},
    {"plan", "[open|submit|adopt|close|diff|report] YEAR",
     "Shows the plan of a year, and moves it on.",
     "  YEAR          its events and totals\n"
     "  open YEAR     a new plan\n"
     "  submit YEAR   keeps this version and asks the SOC to adopt it\n"
     "  adopt YEAR    by a decision that was taken at a meeting\n"
     "  close YEAR    ends the year\n"
     "  diff YEAR     what differs from the adopted version, by whom and why\n"
     "  report YEAR   what became of it, and what is overdue",
     plan_run},
    {"events",
     "list|show|history|clashes|propose|amend|accept|schedule|postpone|cancel|withdraw|hold|report "
     "…",
     "Shows and changes events.",
     "  list                     those that the options ask for\n"
     "  show ID                  one event\n"
     "  history ID               its steps\n"
     "  clashes ID ['{json}']    what it collides with, as it is or as options or JSON would "
     "change it\n"
     "  propose ['{json}']       a new event; options or JSON say what it is\n"
     "  amend ID ['{json}']      what is said of it\n"
     "  accept ID                takes a proposal\n"
     "  schedule ID ['{json}']   {sessions, format, place?, zone?, override?}\n"
     "  postpone|cancel|withdraw ID REASON\n"
     "  hold ID                  says that it took place\n"
     "  report ID ['{json}']     {participants_count?, participants_qualifier?, member_states, "
     "summary?}\n"
     "Examples:\n"
     "  cbm event propose --title \"Rail corridors\" --kind seminar --host AZ --year 2027 \\\n"
     "      --dimension economic --area transportation-corridors\n"
     "  cbm event schedule rail-corridors --sessions 2027-05-18/2027-05-20 --format hybrid \\\n"
     "      --place Baku --zone Asia/Baku",
     events_run},
    {"event", "show|history|propose|… …", "The same as events.", NULL, events_run},
    {"subscription", "create|get|list|update|pause|resume|confirm|rotate|delete|rehearse …",
     "Makes and keeps subscriptions.",
     "  create CHANNEL   mailbox, webhook or mail; --topics says of what\n"
     "  get ID           one subscription\n"
     "  list             yours\n"
     "  update ID        changes what options say, the channel too\n"
     "  pause|resume|delete ID\n"
     "  confirm ID CODE  a mail's address, by the code that was mailed there\n"
     "  rotate ID        a webhook's new secret, shown this once\n"
     "  rehearse         what the filter would have matched in the past\n"
     "Examples:\n"
     "  cbm subscription rehearse --topics 'events.>' --hosts KZ\n"
     "  cbm subscription create mailbox --id desk --topics 'events.>,plan.>' --from start\n"
     "  cbm subscription create webhook --url https://hooks.example/cbm --topics 'events.>'",
     subscription_run},
    {"mailbox", "fetch|ack|follow ID …", "Fetches and acknowledges what waits in a mailbox.",
     "  fetch ID      the next records; those not acknowledged in time come again\n"
     "  ack ID SEQ    this one and all before it\n"
     "  follow ID     prints and acknowledges what comes, until interrupted\n"
     "Example: cbm mailbox follow desk --json",
     mailbox_run},
    {"ics", "[--from D] [--to D] [--dimension D] [--area A] [--host H] [-o FILE] | import FILE …",
     "Prints events as a calendar (iCalendar), or imports one.",
     "What is given must all hold. A session is an entry of the calendar; events without dates\n"
     "have none. Example: cbm ics --from 2021-01-01 --to 2021-12-31 -o 2021.ics\n"
     "  import FILE --calendar ID   takes an outside calendar over, in place of what it had "
     "before:\n"
     "                              events that clash with it are warned of, or blocked by\n"
     "                              --severity block; \"-\" reads stdin",
     ics_run},
    {"reminder", "put|list|delete …", "Plans what is reminded of, and shows it.",
     "  put          a reminder of an event or a decision, or with --every a rule that makes them\n"
     "  list         those that the options ask for\n"
     "  delete ID    a reminder, or a rule with what it made\n"
     "Who hears of it is a matter of subscriptions: reminders.> are all.\n"
     "Examples:\n"
     "  cbm reminder put --event rail-corridors --anchor session --offset -P14D --text \"Agenda\"\n"
     "  cbm reminder put --every --area tourism --anchor milestone:nominations --offset -P3D\n"
     "  cbm reminder put --every --anchor silence --offset -P1D",
     reminder_run},
    {"digest", "FROM TO [--form F] [--language L] [--dimension D] [-o FILE]",
     "Prints what took place in a period and was decided in it.",
     "Made from the log alone, by month and dimension; both days are inclusive, and an event\n"
     "belongs to the day on which it ended.\n"
     "Example: cbm digest 2021-07-01 2021-12-31 --form html -o digest.html",
     digest_run},
    {"snapshot", "export FILE | import FILE | diff FILE FILE",
     "Saves the whole registry, restores it, or says what differs.",
     "  export FILE      every document with its history, of one state; \"-\" for stdout\n"
     "  import FILE      puts them back into a registry that has no others\n"
     "  diff OLD NEW     what differs, in words; exit code 1 if anything does\n"
     "A snapshot holds personal data: keep it as the database.",
     snapshot_run},
    {"members", "", "Lists the participants as they stood on a day.", NULL, members_run},
    {"key", "new [FILE] | init [DIR]", "Makes a key pair and prints its public key.",
     "init makes what a server makes in DIR (keys) at its first start: its own key, and that of "
     "the\n"
     "first officer. new makes a pair for a client:\n"
     "FILE (cbm.key) gets the public key, FILE_secret both; what is there is not written over.\n"
     "Give the public key to the Secretariat (principal.enroll) and FILE_secret to CBM_CERT.\n"
     "Example: cbm key new kz.key && cbm call registry principal.enroll \\\n"
     "  '{\"id\": \"kz-focal\", \"key\": \"…\", \"roles\": [\"member\"], \"member\": \"KZ\"}'",
     key_run},
    {"acl", "explain [PRINCIPAL] METHOD", "Says whether a principal may call a method, and why.",
     "Without PRINCIPAL it is about yourself.\n"
     "Exit code: 0 if it may, perhaps under conditions; 1 if not.\n"
     "Example: cbm acl explain kz-focal event.accept",
     acl_run},
    {"principal", "token ID", "Makes the token that a principal shows over HTTP.",
     "It is printed this once; the one before opens no more.\n"
     "Example: cbm principal token newsroom >newsroom.token",
     principal_run},
    {"delivery", "list|get|redeliver|discard SUBSCRIPTION [SEQ]",
     "Shows what was sent to a subscription, and sends it again.",
     "  list SUBSCRIPTION            its deliveries; --status dead is the dead-letter box\n"
     "  get SUBSCRIPTION SEQ         one of them with every try\n"
     "  redeliver SUBSCRIPTION SEQ   sends it again; with --from and --to all of a span\n"
     "  discard SUBSCRIPTION SEQ     gives it up; with --from and --to all of a span\n"
     "Example: cbm delivery list newsroom --status dead",
     delivery_run},
    {"log", "status|checkpoints|key|proof", "Shows what the log keeps, and proves it.",
     "  status       from where to where, how long it is kept, and what holds it back\n"
     "  checkpoints  the signed statements of what it is\n"
     "  key          the public key that they are signed with\n"
     "  proof        records and the checkpoints around them, for cbm verify",
     log_run},
    {"notice", "proof SUBSCRIPTION SEQ", "Proves that a subscription was told of a record.",
     "The answer is signed by the server and bound to the chain of its log: when it was offered, "
     "how\n"
     "often, and what the endpoint said. cbm verify FILE checks it.\n"
     "Example: cbm notice proof press 4711 -o notice.json",
     notice_run},
    {"verify", "FILE|log", "Checks a proof again, from itself alone, or the whole log.",
     "FILE is what `cbm call registry decision.proof '{\"id\": …}'` , `cbm log proof` or\n"
     "`cbm notice proof` printed; - is the standard input: no server is asked. `log` is the log as "
     "the server has it now.\n"
     "Exit code: 0 if it holds, 1 if not (with the first range of records that is not what was\n"
     "signed), 65 for what is no proof.",
     verify_run},
    {"doctor", "", "Checks that everything works and says what to do where it does not.", NULL,
     doctor_run},
    {"top", "", "Shows what the bus and the services are doing.", NULL, top_run},
};
#define COMMAND_COUNT (sizeof commands / sizeof *commands)

static int
help(FILE *to)
{
    fprintf(to, "usage: cbm COMMAND …\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].doc);
    fprintf(
        to,
        "\ncbm COMMAND --help tells more. --version prints the version.\n"
        "Environment: CBM_BUS (tcp://127.0.0.1:5550) and CBM_NOTIFY (tcp://127.0.0.1:5560),\n"
        "endpoints by comma; CBM_SERVER_KEY, the server's public key or a file that has it, and\n"
        "CBM_CERT, the file of your certificate (cbm key --help). The same as options before the\n"
        "command: --bus, --notify, --server-key, --cert.\n");
    return to == stdout ? cli_flush() : EX_USAGE;
}

/* The environment and options that every command takes, as the manual's first page. */
static int
manual(void)
{
    char name[64];
    man_page("cbm", 1, cbm_version(), "the officer's and operator's command of CBM Bus");
    man_section("SYNOPSIS");
    man_lines("cbm [--bus E] [--notify E] [--server-key K] [--cert FILE] COMMAND ...");
    man_section("COMMANDS");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        snprintf(name, sizeof name, "cbm-%s(1)", commands[i].name);
        man_item(name, NULL, commands[i].doc);
    }
    man_section("ENVIRONMENT");
    man_item("CBM_BUS, --bus", NULL, "Where the buses are, by comma (tcp://127.0.0.1:5550).");
    man_item("CBM_NOTIFY, --notify", NULL, "Where notify is, by comma (tcp://127.0.0.1:5560).");
    man_item("CBM_SERVER_KEY, --server-key", NULL,
             "The server's public key in Z85, or a file that has it.");
    man_item("CBM_CERT, --cert", NULL, "The file of your certificate; cbm-key(1) makes one.");
    man_section("EXIT STATUS");
    man_text("0; 1 if the server refused; 3 if records that were asked for are no longer kept; 64 "
             "for wrong use, 65 for wrong data, 69 if nobody answers, "
             "78 for a wrong setting (sysexits).");
    return cli_flush();
}

/* For completion: "name<tab>what it does" a line. */
static int
list_commands(void)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("%s\t%s\n", commands[i].name, commands[i].doc);
    return cli_flush();
}

/* Options before the command say what the environment else does. Returns how many words they are.
 */
static int
take_settings(int argc, char **argv)
{
    static const char *const settings[][2] = {{"--bus", "CBM_BUS"},
                                              {"--notify", "CBM_NOTIFY"},
                                              {"--server-key", "CBM_SERVER_KEY"},
                                              {"--cert", "CBM_CERT"}};
    int at = 1;
    for (size_t i = 0; i < sizeof settings / sizeof *settings && at + 1 < argc; i++)
        if (strcmp(argv[at], settings[i][0]) == 0) {
            setenv(settings[i][1], argv[at + 1], 1);
            at += 2;
            i = (size_t)-1; /* the next may be any of them */
        }
    return at - 1;
}

int
main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a reader that goes away is an error of writing, not the end */
    int taken = take_settings(argc, argv);
    argc -= taken;
    argv += taken;
    if (argc < 2)
        return help(stderr);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return help(stdout);
    if (strcmp(argv[1], "--man") == 0)
        return manual();
    if (strcmp(argv[1], "--commands") == 0)
        return list_commands();
    if (strcmp(argv[1], "--version") == 0) {
        printf("cbm %s\n", cbm_version());
        return cli_flush();
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(&commands[i], argc - 2, argv + 2);
    fprintf(stderr, "cbm: unknown command \"%s\"; cbm --help lists them\n", argv[1]);
    return EX_USAGE;
}
