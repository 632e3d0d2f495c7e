# Posthouse. `make` builds build/release/posthouse; `make test` everything that ./dev test runs
# after installing; `make unit F=codec` one folder's unit tests. Lists come from the tree itself.

CC ?= gcc
V ?= release
B := build/$(V)
PKGS := openssl ldap libpcre2-8 libhs gdlib libjpeg libpng libtiff-4 zbar sqlite3 libgsasl libseccomp libzstd icu-uc icu-i18n libidn2 lmdb libsodium libpsl libcurl zlib libxml-2.0 libarchive jansson libmaxminddb yara xlsxwriter
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wno-format-truncation -Wno-unknown-warning-option -Werror
CFLAGS_release := -O2 -g -Wframe-larger-than=4096 -fno-plt -D_FORTIFY_SOURCE=2 -fstack-protector-strong
CFLAGS_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
CFLAGS_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer
LDFLAGS_release := -Wl,-z,relro,-z,now -pie
LDFLAGS_asan := -fsanitize=address,undefined
LDFLAGS_fuzz := -fsanitize=fuzzer,address,undefined
CFLAGS_all := -std=gnu17 -D_GNU_SOURCE -pthread -fPIE -Isrc $(WARN) $(shell pkg-config --cflags $(PKGS)) \
	-DVERSION='"$(shell cat VERSION)"' $(CFLAGS_$(V)) $(CFLAGS)
LIBS := $(shell pkg-config --libs $(PKGS)) -lunbound -largon2 -lsvm -lm

# Folders from the highest floor to the lowest: the order in which they are linked.
FOLDERS := bin proto/imapc proto/pop3c proto/managesieve proto/smtpd proto/smtpc proto/clamd proto/icap proto/http proto/imap proto/pop3 training content policy defence mail senderauth store learn feature sieve run codec base
HELPER_MAINS := src/bin/main.c src/base/test_main.c src/base/fuzz_main.c
lib_src = $(filter-out $(HELPER_MAINS) %_test.c %_fuzz.c,$(wildcard src/$(1)/*.c src/$(1)/*.S))
objs = $(patsubst src/%,$(B)/%.o,$(1))
lib = $(B)/lib-$(subst /,-,$(1)).a
from = $(strip $(if $(filter $(1),$(firstword $(2))),$(2),$(call from,$(1),$(wordlist 2,99,$(2)))))
libs_from = $(foreach f,$(call from,$(1),$(FOLDERS)),$(call lib,$(f)))
TESTED := $(foreach f,$(FOLDERS),$(if $(wildcard src/$(f)/*_test.c),$(f)))
FUZZERS := $(patsubst %_fuzz.c,%,$(notdir $(wildcard $(foreach f,$(FOLDERS),src/$(f)/*_fuzz.c))))

all: $(B)/posthouse

$(B)/posthouse: $(call objs,src/bin/main.c) $(foreach f,$(FOLDERS),$(call lib,$(f)))
	$(CC) $(LDFLAGS_$(V)) -pthread -rdynamic -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS)

define folder_rules
$(call lib,$(1)): $(call objs,$(call lib_src,$(1)))
	@rm -f $$@; mkdir -p $$(@D)
	ar rcs $$@ $$^
$(B)/test/$(subst /,-,$(1)): $(call objs,$(wildcard src/$(1)/*_test.c) src/base/test_main.c) $(call libs_from,$(1))
	@mkdir -p $$(@D)
	$(CC) $(LDFLAGS_$(V)) -pthread -rdynamic -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $(LIBS)
endef
$(foreach f,$(FOLDERS),$(eval $(call folder_rules,$(f))))

define fuzz_rules
$(B)/fuzz/$(notdir $(1)): $(call objs,$(1)_fuzz.c $(if $(filter fuzz,$(V)),,src/base/fuzz_main.c)) $(call libs_from,$(patsubst src/%/,%,$(dir $(1))))
	@mkdir -p $$(@D)
	$(CC) $(LDFLAGS_$(V)) -pthread -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $(LIBS)
endef
$(foreach f,$(patsubst %_fuzz.c,%,$(wildcard $(foreach f,$(FOLDERS),src/$(f)/*_fuzz.c))),$(eval $(call fuzz_rules,$(f))))

$(B)/%.c.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_all) -MMD -MP -c -o $@ $<
$(B)/%.S.o: src/%.S Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_all) -MMD -MP -c -o $@ $<
# Data that is embedded (src/bin/shipped.c): a changed, new or removed file makes it anew.
RULE_FILES := $(sort $(wildcard data/rules/*.rules))
$(B)/bin/shipped_rules.inc: FORCE
	@mkdir -p $(@D)
	@i=0; for f in $(RULE_FILES); do echo "RULES($$i, \"$${f##*/}\", \"$$f\")"; i=$$((i + 1)); done >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
FORCE:
$(B)/bin/shipped.c.o: CFLAGS_all += -I$(B)
$(B)/bin/shipped.c.o: $(B)/bin/shipped_rules.inc $(RULE_FILES) data/learn/base.model data/policies/default.conf

$(B)/bin/web_page.c.o: data/web/style.css

-include $(shell [ -d $(B) ] && find $(B) -name '*.d')

# Load generators of bench/ and of the crash tests: bench/NAME.c on the ground floor alone.
$(B)/bench/%: bench/%.c bench/load.h $(call lib,base)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_all) $(LDFLAGS_$(V)) -o $@ $< $(call lib,base) $(LIBS)
bench-tools: $(patsubst bench/%.c,$(B)/bench/%,$(wildcard bench/*.c))

# Judges: small programs that answer the questions of independent suites, test/judge/NAME.c (with
# what others beside them share, test/judge/lib_*.c).
JUDGES := $(patsubst test/judge/%.c,%,$(filter-out test/judge/lib_%,$(wildcard test/judge/*.c)))
$(B)/judge/%: test/judge/%.c $(wildcard test/judge/lib_*.[ch]) $(call libs_from,training)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_all) $(LDFLAGS_$(V)) -o $@ $(filter %.c,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS)
# Programs for those who build the product: tools/NAME.c, with everything up to `training`.
$(B)/tools/%: tools/%.c $(call libs_from,training)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_all) $(LDFLAGS_$(V)) -o $@ $(filter %.c,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS)
judges:
	@$(MAKE) --no-print-directory V=asan judges-made
judges-made: $(addprefix $(B)/judge/,$(JUDGES))

# Tests run with sanitizers: these goals go down one level with V=asan.
unit:
	@$(MAKE) --no-print-directory V=asan unit-run F='$(F)'
unit-run: $(foreach f,$(if $(F),$(F),$(TESTED)),$(B)/test/$(subst /,-,$(f)))
	@tools/run-units $^
fuzz-corpora:
	@$(MAKE) --no-print-directory V=asan fuzz-run
fuzz-run: $(addprefix $(B)/fuzz/,$(FUZZERS))
	@tools/run-corpora $^
fuzzer:
	@$(MAKE) --no-print-directory V=fuzz CC=clang build/fuzz/fuzz/$(NAME)
check:
	@tools/check-floors
clean:
	rm -rf build

.PHONY: FORCE all bench-tools unit unit-run fuzz-corpora fuzz-run fuzzer judges judges-made check clean
.SECONDARY:
.DELETE_ON_ERROR:
