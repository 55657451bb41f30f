# Running, installing.
DIR ?= .stack
-include common/client/client.mk

deps: ## installs what building and running needs (Debian)
	deploy/install-deps.sh

run: ## the whole thing: installs, builds, starts, loads the year 2021, shows notifications
	@BUILD=$(BUILD) DIR=$(DIR) MAKE="$(MAKE)" deploy/run.sh

up: all ## a private stack in DIR (.stack)
	deploy/stack up --dir $(DIR) --build $(BUILD) $(if $(SCALE),--scale $(SCALE))
down: ## ends that stack; its data stays
	deploy/stack down --dir $(DIR)

install: all ## programs to PREFIX/bin, the stack and the sample to PREFIX/share/cbm
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/cbm/sample
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	install -m 755 deploy/stack $(DESTDIR)$(PREFIX)/share/cbm
	install -m 644 deploy/redis.conf $(DESTDIR)$(PREFIX)/share/cbm
	install -m 644 deploy/sample/*.jsonl deploy/sample/README.md $(DESTDIR)$(PREFIX)/share/cbm/sample

.PHONY: deps run up down install
