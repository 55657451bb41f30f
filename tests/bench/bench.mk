# The load generators and the peers: each program is one .c file, linked with libcbm and common/;
# bench_*.c is what all share. A program whose library is not installed is left out, and its rows are
# then reported as not measured (deploy/install-deps.sh --bench installs them all).
ifneq ($(filter bench% %/tests/bench/%,$(MAKECMDGOALS)),) # looked at only when asked for
BENCH_SRC := $(filter-out tests/bench/bench_%,$(wildcard tests/bench/*.c tests/bench/peers/*.c))
BENCH_SHARED := $(call obj,$(wildcard tests/bench/bench_*.c))
bench_needs = $(strip $(foreach pair,nats_:libnats nats/nats.h:libnats mosquitto.h:libmosquitto libpq-fe.h:libpq,\
    $(if $(shell grep -l '^.include.*$(firstword $(subst :, ,$(pair)))' $(1)),$(lastword $(subst :, ,$(pair))))))
bench_have = $(foreach n,$(call bench_needs,$(1)),$(if $(shell pkg-config --exists $(n) && echo yes),,no))
BENCH_BUILT := $(foreach s,$(BENCH_SRC),$(if $(strip $(call bench_have,$(s))),,$(s)))
BENCH_BIN := $(BENCH_BUILT:%.c=$(BUILD)/%)
BENCH_FLAGS := $(shell pkg-config --cflags libpq libnats libmosquitto 2>/dev/null)
endif
# rows to run (all), pairs of runs, seconds a run; MERGE=1 puts the rows of a partial run into results.json
ROWS ?=
PAIRS ?= 5
SECONDS ?= 2
MERGE ?=

ifdef BENCH_SRC
define bench_rule
$(1:%.c=$(BUILD)/%): $(call obj,$(1) $(filter %.c,$(call link_of,$(1)))) $(BENCH_SHARED) $(CLIENT_LIB) $(COMMON_LIB)
	@echo "  LINK    $$@"
	$$(Q)$$(CC) $$(LDFLAGS_ALL) $$^ $(2:lib%=-l%) $$(LIBS) $(filter -l%,$(call link_of,$(1))) -o $$@
$(call obj,$(1)): CFLAGS_ALL += $(BENCH_FLAGS)
endef
$(foreach s,$(BENCH_BUILT),$(eval $(call bench_rule,$(s),$(sort $(call bench_needs,$(s))))))
endif

bench-programs: $(BENCH_BIN)
bench: all bench-programs ## this system and its peers side by side: ROWS=1,4 PAIRS=5 SECONDS=2 MERGE=1
	$(PYTHON) tests/bench/bench.py --build $(BUILD) --rows "$(ROWS)" --pairs $(PAIRS) --seconds $(SECONDS) \
	    $(if $(MERGE),--merge)
bench-instructions: all $(BUILD)/tests/bench/load ## instructions a request against tests/bench/baseline.json
	$(PYTHON) tests/bench/instructions.py --build $(BUILD)
bench-silence: all ## how late the outcomes of 10,000 pending silences are: COUNT=10000 REPLICAS=1
	CBM_BUILD=$(BUILD) $(PYTHON) tests/bench/silence.py --count $(or $(COUNT),10000) --replicas $(or $(REPLICAS),1)
.PHONY: bench bench-programs bench-instructions bench-silence
