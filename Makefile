# make demo       train the bundled digits set      make test            every test and rule
# make            library and command               make prop_minmax     one file of tests/
# make install    PREFIX, DESTDIR                   make MODE=tsan test  thread sanitizer (asan: the other two)
# make bench      all benchmarks, some minutes      make bench_reduce    one file of bench/
# make deps       install what is missing           make V=1             show the commands
# make paper      the ATA paper's figures, simulated
# make adaptive   what the policy adaptive is to reach, simulated; make cohort: the policy cohort
# make corunner   adaptive on real threads, while a busy process comes and goes
# make fuzz       hostile files, FUZZ_S=60 seconds a reader, by clang's libFuzzer
# make kill9      runs that are killed KILLS=200 times and gone on with
# make hotplug    CPUs that go offline and return during a run, in a guest
# make soak       half an hour (SOAK_S=1800) of training while quotas, co-runners and bindings change
# make help       this
# What is made goes to build/release, or O=FOLDER; figures to bench.json and bench_NAME.json there.

VERSION   := 0.1.0
SOVERSION := $(shell sed -n 's/^.define CREW_ABI_VERSION \([0-9]*\)u$$/\1/p' include/crew/crew.h)
MODE      ?= release
PREFIX    ?= /usr/local
O         := build/$(if $(filter-out cc,$(CC)),$(CC)-)$(MODE)

CFLAGS.release := -O3 -g
CFLAGS.debug   := -O0 -g3
CFLAGS.asan    := -O1 -g3 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS.tsan    := -O1 -g3 -fsanitize=thread
CFLAGS.fuzz    := $(CFLAGS.asan) -fsanitize=fuzzer-no-link
LDFLAGS.fuzz   := -fsanitize=fuzzer
FUZZ_S         ?= 60
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wcast-qual -Wwrite-strings -Wundef -Wvla \
        -Wstrict-prototypes -Wmissing-prototypes -Wdouble-promotion -Werror
PKGS := openblas hwloc jansson zlib
pkg   = $(shell pkg-config $(1) $(2))
STD  := -std=c11 -ffp-contract=off -fno-math-errno -pthread -D_GNU_SOURCE -Iinclude -Isrc -DCREW_VERSION='"$(VERSION)"'
ALL_CFLAGS = $(STD) -fPIC -fvisibility=hidden $(WARN) $(CFLAGS.$(MODE)) $(CFLAGS) $(call pkg,--cflags,$(PKGS))
LIBS       = $(call pkg,--libs,$(PKGS)) -lm -pthread
# Instead of the command: what it makes. Nothing with make -s.
short      = $(if $(V),,@$(if $(findstring s,$(firstword -$(MAKEFLAGS))),,printf '%-5s%s\n' $(1) $(2);))
LINK       = $(call short,LINK,$@)$(CC) $(ALL_CFLAGS) $(LDFLAGS.$(MODE)) $(LDFLAGS)

LIB   := $(patsubst %.c,$O/%.o,$(filter-out src/cli/%,$(wildcard src/*/*.c)))
CLI   := $(patsubst %.c,$O/%.o,$(wildcard src/cli/*.c))
FAULT := $(sort $(basename $(notdir $(wildcard tests/fault_*.c))))
FUZZ  := $(sort $(basename $(notdir $(wildcard tests/fuzz_*.c))))
TESTS := $(sort $(basename $(notdir $(wildcard tests/unit_*.c tests/prop_*.c tests/stress_*.c)))) $(FUZZ) $(FAULT)
CLIS  := $(sort $(basename $(notdir $(wildcard tests/cli_*.sh))))
BENCH := $(sort $(basename $(notdir $(wildcard bench/bench_*.c))))

.PHONY: all demo help test deps testdeps layers bench paper adaptive cohort corunner fuzz fuzz_build kill9 soak install clean $(TESTS) $(CLIS) $(BENCH)
.SECONDARY:

all: $O/crew $O/libcrew.so.$(SOVERSION)

demo: deps
	@$(MAKE) --no-print-directory -s all
	$O/crew train --data digits --epochs 60

test: testdeps
	@$(MAKE) --no-print-directory -s -j$$(nproc) all $(TESTS:%=$O/tests/%)
	@tests/layers.sh
	@tests/run.sh $O $(TESTS) $(CLIS)

help:
	@sed -n 's/^# //p; /^$$/q' $(firstword $(MAKEFILE_LIST))

deps:
	@.ci/deps build

testdeps:
	@.ci/deps test

$O/%.o: %.c
	@mkdir -p $(@D)
	$(call short,CC,$<)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# The one object that knows where data sets are installed: made again when PREFIX changes.
$O/src/data/catalog.o: CFLAGS += -DCREW_DATADIR='"$(PREFIX)/share/crew/datasets"'
$O/src/data/catalog.o: $O/prefix
$O/prefix: FORCE
	@mkdir -p $O
	@echo '$(PREFIX)' | cmp -s - $@ || echo '$(PREFIX)' >$@
FORCE:

$O/libcrew.a: $(LIB)
	@rm -f $@
	$(call short,AR,$@)$(AR) rcs $@ $^

$O/libcrew.so.$(SOVERSION): $(LIB)
	$(LINK) -shared -Wl,-soname,$(@F) $^ $(LIBS) -o $@

$O/crew: $(CLI) $O/libcrew.a
	$(LINK) $^ $(LIBS) -o $@

$O/tests/%: $O/tests/%.o $O/libcrew.a
	$(LINK) $^ $(LIBS) $(call pkg,--libs,cmocka) -o $@

$O/tests/unit_shortage: LDFLAGS += -Wl,--wrap=pthread_create,--wrap=pthread_join

# Calls that may fail, from our objects, go by way of faultcalls.c: the names on its lines WRAP...(type, name, .
WRAPPED = $(shell sed -n 's/^WRAP[A-Z_]*.[^,]*, \([a-zA-Z0-9_]*\),.*/\1/p' tests/faultcalls.c)
$(FAULT:%=$O/tests/%): %: %.o $O/tests/faults.o $O/tests/faultcalls.o $O/libcrew.a
	$(LINK) $(WRAPPED:%=-Wl,--wrap=%) $^ $(LIBS) $(call pkg,--libs,cmocka) -o $@

# A target has its main() from driver.c, or from libFuzzer.
$O/tests/fuzz_%: $O/tests/fuzz_%.o $O/tests/fuzzing.o $(if $(LDFLAGS.$(MODE)),,$O/tests/driver.o) $O/libcrew.a
	$(LINK) $^ $(LIBS) -o $@

fuzz_build: $(FUZZ:%=$O/tests/%)

kill9: all
	@CREW='$(abspath $O)/crew' KILLS=$(or $(KILLS),200) sh tests/cli_kill9.sh

hotplug: all
	@CREW='$(abspath $O)/crew' sh tests/hotplug.sh

soak: all
	@python3 tests/soak.py '$(abspath $O)/crew' $(or $(SOAK_S),1800)

fuzz:
	@tests/fuzz.sh $(FUZZ_S) $(FUZZ)

$O/bench/%: $O/bench/%.o $O/libcrew.a
	$(LINK) -fopenmp $^ $(LIBS) -o $@

$O/bench/%.o: CFLAGS += -fopenmp
BENCH_FLAGS = $(strip -std=c11 -ffp-contract=off $(CFLAGS.$(MODE)) $(CFLAGS))

$(TESTS): %: $O/tests/%
	@tests/run.sh $O $@

$(CLIS): %: all
	@tests/run.sh $O $@

# The figures of one go to its own file, those of all to bench.json: for bench/compare.sh.
$(BENCH): %: $O/bench/%
	@BENCH_FLAGS='$(BENCH_FLAGS)' bench/run.sh $O/$@.json $<

bench: $(BENCH:%=$O/bench/%)
	@BENCH_FLAGS='$(BENCH_FLAGS)' bench/run.sh $O/bench.json $^

paper: all
	python3 -B bench/paper.py $O/crew

adaptive cohort corunner: all
	python3 -B bench/$@.py $O/crew

layers:
	tests/layers.sh

install: all
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,bin lib/pkgconfig include/crew share/crew/datasets \
	  share/man/man1 share/bash-completion/completions share/doc/crew)
	install -m 755 $O/crew $(DESTDIR)$(PREFIX)/bin/
	install -m 644 $O/libcrew.a $(DESTDIR)$(PREFIX)/lib/
	install -m 755 $O/libcrew.so.$(SOVERSION) $(DESTDIR)$(PREFIX)/lib/
	ln -sf libcrew.so.$(SOVERSION) $(DESTDIR)$(PREFIX)/lib/libcrew.so
	install -m 644 include/crew/*.h $(DESTDIR)$(PREFIX)/include/crew/
	install -m 644 datasets/*.gz datasets/*.csv datasets/README.md $(DESTDIR)$(PREFIX)/share/crew/datasets/
	install -m 755 datasets/fetch.sh $(DESTDIR)$(PREFIX)/share/crew/datasets/
	install -m 644 README.md LICENSE $(DESTDIR)$(PREFIX)/share/doc/crew/
	$O/crew help --man >$(DESTDIR)$(PREFIX)/share/man/man1/crew.1
	$O/crew help --completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/crew
	printf '%s\n' 'prefix=$(PREFIX)' 'Name: crew' 'Version: $(VERSION)' \
	  'Description: train models on cores that are not equal' 'Cflags: -I$${prefix}/include' \
	  'Libs: -L$${prefix}/lib -lcrew' 'Requires.private: $(PKGS)' 'Libs.private: -lm -pthread' \
	  >$(DESTDIR)$(PREFIX)/lib/pkgconfig/crew.pc
	[ -n "$(DESTDIR)" ] || [ "$$(id -u)" -ne 0 ] || ldconfig

clean:
	rm -rf build

-include $(LIB:.o=.d) $(CLI:.o=.d) $(wildcard $O/tests/*.d $O/bench/*.d)
