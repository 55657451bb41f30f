/* The silence procedure as the registry runs it: members object and lift, two replicas settle at the
 * deadline, dying and coming back as they like, somebody reads; and every commit is one atomic step of the
 * store that checks the document's revision and the store's clock. What was read may be old when it is
 * committed: that is where it could go wrong. Checked by tests/conformance/test_model.py, with spin.
 *
 *   At most one outcome is ever written, and it is "adopted" exactly if no objection stood at the deadline.
 *   No objection that was acknowledged is lost. Whoever reads, the clock before the document, is told that
 *   same outcome at the deadline and after it, written or not, and none before. */

#define DEADLINE 2
#define LAST 3

mtype = { open, adopted, broken };
#define OUTCOME(objections) ((objections) -> broken : adopted)

byte clock = 1;       /* the store's */

byte revision = 0;    /* the document */
mtype status = open;
byte standing = 0;    /* a bit a member */

byte acknowledged = 0;         /* what the members were told, a bit each */
byte stood = 0;                /* what stood when the deadline came */
mtype told = open;             /* the outcome that somebody was told */

proctype Time()
{
    do
    :: clock < LAST ->
        atomic {
            clock++;
            if
            :: clock == DEADLINE -> stood = standing
            :: else
            fi
        }
    :: else -> break
    od
}

/* Objects, lifts, … : reading and committing are two steps, between which anything may happen. */
proctype Member(byte mine, tries)
{
    byte read_revision, read_standing;
    do
    :: d_step {
            tries > 0 && status == open && clock < DEADLINE ->
            tries--;
            read_revision = revision;
            read_standing = standing
        };
        d_step {
            if
            :: revision == read_revision && clock < DEADLINE /* op_before */ ->
                standing = read_standing ^ mine;
                revision++;
                acknowledged = acknowledged ^ mine;
                assert(standing == acknowledged)
            :: else
            fi;
            read_revision = 0;
            read_standing = 0
        }
    :: else -> break
    od
}

/* Settles; its own clock may say anything, so it may try at any time. Killed between the two steps it
 * begins anew. */
proctype Replica()
{
    byte read_revision, read_standing;
    do
    :: d_step { status == open -> read_revision = revision; read_standing = standing };
        if
        :: d_step {
                if
                :: revision == read_revision && clock >= DEADLINE /* op_not_before */ ->
                    assert(status == open);
                    status = OUTCOME(read_standing);
                    revision++;
                    assert(status == OUTCOME(stood));
                    assert(told == open || told == status)
                :: else
                fi
            }
        :: true
        fi;
        d_step { read_revision = 0; read_standing = 0 }
    :: else -> break
    od
}

proctype Reader(byte times)
{
    byte read_clock, read_standing;
    mtype read;
    do
    :: times > 0 ->
        times--;
        read_clock = clock;
        d_step { read = status; read_standing = standing };
        d_step {
            if
            :: read == open && read_clock >= DEADLINE -> read = OUTCOME(read_standing)
            :: else
            fi;
            assert(read == open || clock >= DEADLINE);
            assert(read != open || read_clock < DEADLINE);
            assert(read == open || read == OUTCOME(stood));
            assert(read == open || told == open || told == read);
            if
            :: read != open -> told = read
            :: else
            fi;
            read = open;
            read_standing = 0;
            read_clock = 0
        }
    :: else -> break
    od
}

init {
    atomic {
        run Time();
        run Member(1, 2);
        run Member(2, 2);
        run Replica();
        run Replica();
        run Reader(2)
    }
}
