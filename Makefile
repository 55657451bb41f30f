# CBM Bus. `make help` says each target in a line; V=1 shows the commands.
Q := $(if $(V),,@)
CC ?= gcc
BUILD ?= build
SAN ?=
PREFIX ?= /usr/local
DESTDIR ?=

LIBS := -lczmq -lzmq -lmsgpackc -lhiredis -lsodium -ljansson
events_LIBS := -lical
notify_LIBS := -lical

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
        -Wformat=2 -Wwrite-strings -Wundef -Wno-missing-field-initializers
ifdef CI
WARN += -Werror
endif
OPT ?= -O2 -g
HARDEN := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
LINK_HARDEN := -pie -Wl,-z,relro,-z,now
LINK_SLIM := -Wl,--as-needed,--gc-sections
comma := ,
ifneq ($(SAN),)
OPT := -O1 -g -fno-omit-frame-pointer -fsanitize=$(SAN) -fno-sanitize-recover=all
HARDEN := -fPIE
BUILD := build/$(subst $(comma),-,$(SAN))
endif
# Programs carry their libraries where Debian has them as archives: STATIC=no links the shared ones.
STATIC ?= $(if $(SAN)$(filter-out /%,$(foreach l,czmq zmq msgpackc hiredis sodium jansson ical bsd md uuid stdc++ gcc_eh,$(shell $(CC) -print-file-name=lib$(l).a))),no,yes)
CFLAGS_ALL := -std=c11 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -I. $(WARN) $(OPT) $(HARDEN) $(CFLAGS)
LDFLAGS_ALL := $(OPT) $(LINK_HARDEN) $(LDFLAGS)

# ---- what is built ---------------------------------------------------------------------------
COMMON_SRC := $(wildcard common/base/*.c common/msg/*.c common/json/*.c common/decision/*.c common/bus/*.c common/store/*.c common/log/*.c common/service/*.c common/auth/*.c)
CLIENT_SRC := $(wildcard common/client/*.c)
CLI_SRC := $(wildcard cli/*.c)
SERVICES := $(foreach s,bus registry events notify gateway,$(if $(wildcard services/$(s)/main.c),$(s)))

obj = $(patsubst %.c,$(BUILD)/%.o,$(1))
COMMON_LIB := $(BUILD)/libcommon.a
LINK_LIB := $(BUILD)/liblink.a
CLIENT_LIB := $(BUILD)/libcbm.a
PROGRAMS := $(SERVICES:%=$(BUILD)/cbm-%) $(if $(wildcard cli/main.c),$(BUILD)/cbm)

all: $(PROGRAMS) ## build every program
.PHONY: all

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

# The commit function is a Lua file, kept in the program as a string.
$(BUILD)/common/store/lua.h: $(wildcard common/store/*.lua) deploy/embed.sh
	@mkdir -p $(@D)
	sh deploy/embed.sh $(wildcard common/store/*.lua) > $@
$(call obj,$(wildcard common/store/*.c)): CFLAGS_ALL += -I$(BUILD)
$(call obj,$(wildcard common/store/*.c)): $(BUILD)/common/store/lua.h

$(COMMON_LIB): $(call obj,$(COMMON_SRC))
	@echo "  AR      $@"
	$(Q)rm -f $@ && ar rcs $@ $^
$(LINK_LIB): $(call obj,$(wildcard common/link/*.c))
	@echo "  AR      $@"
	$(Q)rm -f $@ && ar rcs $@ $^
$(CLIENT_LIB): $(call obj,$(CLIENT_SRC))
	@echo "  AR      $@"
	$(Q)rm -f $@ && ar rcs $@ $^

# $(call carried,libraries): with what they bring; LINK_LIB stands in for what they could do without
ifeq ($(STATIC),yes)
LINK_SLIM += -Wl,-z,pack-relative-relocs
carried = -Wl,-Bstatic $(1) -lbsd -lmd -luuid -l:libstdc++.a -l:libgcc_eh.a -Wl,-Bdynamic $(LINK_LIB)
$(PROGRAMS): $(LINK_LIB)
else
carried = $(1)
endif

define service_rule
$(BUILD)/cbm-$(1): $(call obj,$(wildcard services/$(1)/*.c)) $(COMMON_LIB)
	@echo "  LINK    $$@"
	$$(Q)$$(CC) $$(LDFLAGS_ALL) $$(LINK_SLIM) $$^ $$(call carried,$$(LIBS) $$($(1)_LIBS)) -o $$@
endef
$(foreach s,$(SERVICES),$(eval $(call service_rule,$(s))))

$(BUILD)/cbm: $(call obj,$(CLI_SRC)) $(CLIENT_LIB) $(COMMON_LIB)
	@echo "  LINK    $@"
	$(Q)$(CC) $(LDFLAGS_ALL) $(LINK_SLIM) $^ $(call carried,$(LIBS)) -o $@

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

include tests/tests.mk
include deploy/deploy.mk
-include tools/tools.mk

clean: ## remove what was built
	rm -rf build
help: ## this list
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 16
.PHONY: clean help
