# libcbm for outside programs: one archive with all that it needs of common/ inside, of which only
# cbm_* shows, its header and a pkg-config file.
LIBCBM_SRC := $(wildcard common/client/*.c common/msg/*.c) common/log/topic.c common/log/batch.c common/log/record.c common/bus/rpc.c common/bus/compact.c common/bus/sock.c common/auth/cert.c common/auth/key.c \
              $(patsubst %,common/base/%.c,buf cfg clock date log status text)
LIBCBM_VERSION := $(shell sed -n 's/^\#define CBM_VERSION "\(.*\)"/\1/p' common/base/run.h)
INSTALL ?= install

# One object, so that names which are not the library's stay inside it.
$(BUILD)/libcbm-full.a: $(call obj,$(LIBCBM_SRC)) common/client/client.mk
	@echo "  AR      $@"
	@rm -f $@ $(BUILD)/libcbm.o
	@$(LD) -r -o $(BUILD)/libcbm.o $(filter %.o,$^)
	@objcopy --wildcard --keep-global-symbol='cbm_*' $(BUILD)/libcbm.o
	@ar rcs $@ $(BUILD)/libcbm.o

$(BUILD)/cbm.pc: common/base/run.h common/client/client.mk FORCE_CBM_PC
	@mkdir -p $(@D)
	@printf '%s\n' 'prefix=$(PREFIX)' 'includedir=$${prefix}/include' 'libdir=$${prefix}/lib' '' \
	    'Name: cbm' 'Description: CBM Bus: requests and notifications without a gap' \
	    'Version: $(LIBCBM_VERSION)' 'Cflags: -I$${includedir}' \
	    'Libs: -L$${libdir} -lcbm -lczmq -lzmq -lmsgpackc' > $@
FORCE_CBM_PC:

install: install-client
install-client: $(BUILD)/libcbm-full.a $(BUILD)/cbm.pc ## libcbm for outside programs: archive, header, pkg-config file
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/lib/pkgconfig
	$(INSTALL) -m 644 common/client/cbm.h $(DESTDIR)$(PREFIX)/include/cbm.h
	$(INSTALL) -m 644 $(BUILD)/libcbm-full.a $(DESTDIR)$(PREFIX)/lib/libcbm.a
	$(INSTALL) -m 644 $(BUILD)/cbm.pc $(DESTDIR)$(PREFIX)/lib/pkgconfig/cbm.pc
.PHONY: install-client FORCE_CBM_PC
