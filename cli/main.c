/* `cbm`: the officer's and operator's command. One table of commands; each has its own file.
 * It must not know what the commands do. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"

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
     "Without --from and --cursor it begins now.",
     subscribe_run},
    {"plan", "YEAR", "Shows the plan of a year: its events and totals.", NULL, plan_run},
    {"events",
     "list|show|history|propose|amend|accept|schedule|postpone|cancel|withdraw|hold|report …",
     "Shows and changes events.",
     "  list                     those that the options ask for\n"
     "  show ID                  one event\n"
     "  history ID               its steps\n"
     "  propose '{json}'         a new event\n"
     "  amend ID '{json}'        what is said of it\n"
     "  accept ID                takes a proposal\n"
     "  schedule ID '{json}'     {sessions, format, place?, zone?, override?}\n"
     "  postpone|cancel|withdraw ID REASON\n"
     "  hold ID                  says that it took place\n"
     "  report ID '{json}'       {participants_count?, participants_qualifier?, member_states, "
     "summary?}",
     events_run},
    {"ics", "[--from D] [--to D] [--dimension D] [--area A] [--host H] [-o FILE]",
     "Prints events as a calendar (iCalendar).",
     "What is given must all hold. A session is an entry of the calendar; events without dates\n"
     "have none. Example: cbm ics --from 2021-01-01 --to 2021-12-31 -o 2021.ics",
     ics_run},
    {"snapshot", "export FILE | import FILE | diff FILE FILE",
     "Saves the whole registry, restores it, or says what differs.",
     "  export FILE      every document with its history, of one state; \"-\" for stdout\n"
     "  import FILE      puts them back into a registry that has no others\n"
     "  diff OLD NEW     what differs, in words; exit code 1 if anything does\n"
     "A snapshot holds personal data: keep it as the database.",
     snapshot_run},
    {"members", "", "Lists the participants as they stood on a day.", NULL, members_run},
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
    fprintf(to,
            "\ncbm COMMAND --help tells more. --version prints the version.\n"
            "Environment: CBM_BUS (tcp://127.0.0.1:5550) and CBM_NOTIFY (tcp://127.0.0.1:5560),\n"
            "endpoints by comma; CBM_SERVER_KEY and CBM_CERT where connections are encrypted.\n");
    return to == stdout ? cli_flush() : EX_USAGE;
}

int
main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a reader that goes away is an error of writing, not the end */
    if (argc < 2)
        return help(stderr);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return help(stdout);
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
