# Tests and checks. Every target runs by itself; `make test` runs what CI runs.
PYTHON ?= /usr/bin/python3
CLANG ?= clang
REPORTS ?= build/reports
VARIANT = $(if $(SAN),-$(subst $(comma),-,$(SAN)))
FUZZ_SECONDS ?= 10
PYTEST_ARGS ?=
PYTEST_TIMEOUT ?= 300
PYTEST_JOBS ?= 2
TEST_STEPS ?= all layers lint unit fuzz integration conformance scenarios fault sanitize valgrind docs-check bench-instructions
export CBM_BUILD = $(BUILD)

# ---- unit: one binary a module. `// LINK: a.c b.c -lfoo` in a test's first lines names the sources
# and libraries it links with, and nothing else; without it the whole library is linked. -----------
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN := $(UNIT_SRC:%.c=$(BUILD)/%)
link_of = $(shell sed -n '1,8s|^// LINK:||p' $(1))

define unit_rule
$(2): $(call obj,$(1) $(filter %.c,$(3)))$(if $(strip $(3)),, $(COMMON_LIB))
	@mkdir -p $$(@D)
	@echo "  LINK    $$@"
	@$$(CC) $$(LDFLAGS_ALL) $$^ $(if $(strip $(3)),$(filter -l%,$(3)),$$(LIBS)) -lcmocka -o $$@
endef
$(foreach t,$(UNIT_SRC),$(eval $(call unit_rule,$(t),$(t:%.c=$(BUILD)/%),$(call link_of,$(t)))))

unit: $(UNIT_BIN) ## unit tests (cmocka), one binary a module
	@$(PYTHON) tests/report.py unit $(REPORTS)/unit$(VARIANT).xml $(UNIT_BIN)

# ---- pytest: real processes, a real Redis, free ports ------------------------------------------
# $(call pytest,folder): files of a folder; a folder without tests is a failure of its own. Files run side by side,
# PYTEST_JOBS at once; where it matters how long things take (faults), one after the other.
side_by_side = $(if $(filter-out fault,$(1)),-n $(PYTEST_JOBS) --dist loadfile)
pytest = $(PYTHON) -m pytest -q $(call side_by_side,$(1)) -p no:cacheprovider --timeout=$(PYTEST_TIMEOUT) --tb=short -r fEs --junitxml=$(REPORTS)/$(1)$(VARIANT).xml \
         -o junit_family=xunit2 -o junit_suite_name=$(1)$(VARIANT) tests/$(1) $(PYTEST_ARGS)

# Parts of a service by themselves, for the tests to drive from outside.
SENDER_OBJ := $(call obj,$(wildcard services/notify/notify_sender*.c) services/notify/notify_domain_address.c $(patsubst %,services/notify/notify_%.c,cloudevent itip mail mime sign))
$(BUILD)/tests/drive/sender: $(call obj,tests/drive/sender.c) $(SENDER_OBJ) $(COMMON_LIB)
	@echo "  LINK    $@"
	$(Q)$(CC) $(LDFLAGS_ALL) $^ $(LIBS) $(notify_LIBS) -o $@
drivers: $(BUILD)/tests/drive/sender

integration: all drivers ## real processes, raw ZeroMQ on their sockets
	$(call pytest,integration)
conformance: all ## RFC 18, CloudEvents and the published documents, by foreign code
	$(call pytest,conformance)
scenarios: all ## numbered shell files that a person can run too
	$(call pytest,scenarios)
fault: all ## kill, stop, cut; then a checker reads the history
	$(call pytest,fault)

# ---- fuzz: one target a decoder, its corpus kept in tests/fuzz/corpus/NAME -----------------------
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=build/fuzz/%)
FUZZ_FLAGS := -std=c11 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -I. -g -O1 -fno-omit-frame-pointer \
              -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all

build/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CLANG   $<"
	@$(CLANG) $(FUZZ_FLAGS) -MMD -MP -c $< -o $@
define fuzz_rule
$(2): $(patsubst %.c,build/fuzz/obj/%.o,$(1) $(filter %.c,$(3)))
	@echo "  LINK    $$@"
	@$$(CLANG) $$(FUZZ_FLAGS) -fsanitize=fuzzer $$^ $(filter -l%,$(3)) -o $$@
endef
$(foreach t,$(FUZZ_SRC),$(eval $(call fuzz_rule,$(t),$(t:tests/fuzz/%.c=build/fuzz/%),$(call link_of,$(t)))))

fuzz: $(FUZZ_BIN) ## each decoder against random bytes, FUZZ_SECONDS=10 each
	@$(PYTHON) tests/report.py fuzz $(REPORTS)/fuzz.xml $(FUZZ_SECONDS) $(FUZZ_BIN)

# ---- the same again under instruments ------------------------------------------------------------
# What is slower gets more time; what runs is the same.
SAN_TESTS ?= unit integration conformance
asan: ## unit and integration tests under AddressSanitizer
	$(MAKE) SAN=address BUILD=build/address sanitized
ubsan: ## … under UndefinedBehaviorSanitizer
	$(MAKE) SAN=undefined BUILD=build/undefined sanitized
tsan: ## unit tests under ThreadSanitizer
	$(MAKE) SAN=thread BUILD=build/thread SAN_TESTS=unit sanitized
sanitize: ## both of asan and ubsan in one build, for CI
	$(MAKE) SAN=address,undefined BUILD=build/address-undefined sanitized
sanitized: all
	ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:exitcode=99 UBSAN_OPTIONS=print_stacktrace=1 \
	    CBM_TEST_SLOW=3 $(MAKE) -j1 PYTEST_ARGS='-m "not once"' $(SAN_TESTS)

valgrind: $(UNIT_BIN) all ## unit tests and a whole stack with the sample under valgrind
	@$(PYTHON) tests/report.py unit $(REPORTS)/valgrind-unit.xml --wrap \
	    "valgrind -q --leak-check=full --errors-for-leak-kinds=definite --error-exitcode=9 --suppressions=tests/valgrind.supp" $(UNIT_BIN)
	tests/valgrind.sh $(BUILD)

coverage: ## lines covered by unit and integration tests, by folder
	$(MAKE) BUILD=build/coverage OPT='-O0 -g --coverage' HARDEN=-fPIE unit integration
	@$(PYTHON) tests/report.py coverage build/coverage

# ---- bench: this system and its peers side by side -----------------------------------------------
-include tests/bench/bench.mk

# ---- checks of the source ------------------------------------------------------------------------
C_FILES = $(shell git ls-files '*.c' '*.h' 2>/dev/null || find common services cli tests -name '*.[ch]')
# the tables of rows expand to columns that a formatter cannot know
FORMAT_FILES = $(filter-out common/msg/messages.h common/msg/messages.c common/msg/interfaces.c common/msg/def_%,$(C_FILES))
TIDY_FILES = $(filter-out tests/%,$(filter %.c,$(C_FILES)))

BUGPRONE := bugprone-*,-bugprone-easily-swappable-parameters,-bugprone-narrowing-conversions,$(strip \
  )-bugprone-reserved-identifier,-bugprone-macro-parentheses,-bugprone-branch-clone,$(strip \
  )-bugprone-implicit-widening-of-multiplication-result,-bugprone-suspicious-include,$(strip \
  )-bugprone-sizeof-expression,-bugprone-signed-char-misuse
# of the analyzer what is exact; the rest guesses at paths and is read by people (make analyze)
TIDY_CHECKS ?= -*,$(BUGPRONE),misc-redundant-expression,misc-misplaced-const,$(strip \
  )clang-analyzer-deadcode*,clang-analyzer-core.DivideZero,clang-analyzer-core.StackAddressEscape,$(strip \
  )clang-analyzer-core.VLASize,clang-analyzer-unix.API,clang-analyzer-unix.MallocSizeof,clang-analyzer-unix.cstring*

lint: format-check cppcheck tidy shellcheck ## format, cppcheck, clang-tidy, shellcheck
format-check:
	@clang-format --dry-run -Werror $(FORMAT_FILES)
fmt: ## brings every file into format
	clang-format -i $(FORMAT_FILES)
cppcheck:
	@cppcheck -q -j2 --std=c11 --language=c --enable=warning,performance,portability --inline-suppr \
	    --suppressions-list=tests/cppcheck.txt --error-exitcode=1 -I. $(TIDY_FILES)
tidy: $(BUILD)/common/store/lua.h
	@printf '%s\n' $(TIDY_FILES) | xargs -P2 -n6 sh -c 'clang-tidy --quiet --warnings-as-errors="*" \
	    --checks="$(TIDY_CHECKS)" "$$@" -- -std=c11 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -I. \
	    -I$(BUILD) -Icommon/client $(PKG_CFLAGS) 2>/dev/null' tidy
analyze: ## every check of the clang analyzer, for people to read
	-@$(MAKE) TIDY_CHECKS='-*,clang-analyzer-*' tidy
shellcheck:
	@if command -v shellcheck >/dev/null; then shellcheck -x -S warning \
	    deploy/stack deploy/*.sh tests/*.sh tests/scenarios/*.sh .ci/run; else echo "no shellcheck"; fi
layers: ## the walls between the parts stand
	tests/layers.sh

# ---- everything ----------------------------------------------------------------------------------
test: ## everything that CI runs, and one line that sums it up
	@CI=1 MAKE="$(MAKE)" $(PYTHON) tests/report.py test $(REPORTS) $(TEST_STEPS)

.PHONY: drivers unit integration conformance scenarios fault fuzz asan ubsan tsan sanitize sanitized valgrind \
        coverage lint format-check fmt cppcheck tidy analyze shellcheck layers test
