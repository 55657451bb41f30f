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

man: all ## pages of the manual into BUILD/man
	@mkdir -p $(BUILD)/man
	@for p in $(notdir $(PROGRAMS)); do case $$p in \
	    cbm) $(BUILD)/cbm --man > $(BUILD)/man/cbm.1 ;; \
	    *) $(BUILD)/$$p --man > $(BUILD)/man/$$p.8 ;; \
	esac || exit 1; done
	@for c in $$($(BUILD)/cbm --commands | cut -f1); do \
	    $(BUILD)/cbm $$c --man > $(BUILD)/man/cbm-$$c.1 || exit 1; \
	done

install: all man ## programs to PREFIX/bin, the manual, completion, the stack and the sample to PREFIX/share
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/cbm/sample
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	install -m 755 deploy/stack deploy/redis-users.sh $(DESTDIR)$(PREFIX)/share/cbm
	install -m 644 deploy/redis.conf $(DESTDIR)$(PREFIX)/share/cbm
	install -m 644 deploy/sample/*.jsonl deploy/sample/README.md $(DESTDIR)$(PREFIX)/share/cbm/sample
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man8 \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
	    $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d $(DESTDIR)$(PREFIX)/share/zsh/site-functions
	install -m 644 $(BUILD)/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(BUILD)/man/*.8 $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 644 deploy/completion/cbm.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/cbm
	install -m 644 deploy/completion/cbm.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	install -m 644 deploy/completion/_cbm $(DESTDIR)$(PREFIX)/share/zsh/site-functions

.PHONY: deps run up down install man
