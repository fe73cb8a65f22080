# linnet: `make` builds build/linnet, `make quickstart` shows it at work, `make test` proves it.
#
#   make                      the program, optimised, warnings shown
#   make SAN=address,undefined  the same under the sanitizers, in its own folder
#   make WERROR=1             warnings are errors (as CI builds)
#   make CC=clang-16 CFLAGS="-O2 -fstack-protector"  another compiler; CPPFLAGS, CFLAGS, LDFLAGS and LDLIBS are added to linnet's own
#   make dependencies         install what is missing (scripts/dependencies.sh)
#   make install | uninstall | dist | deb         see packaging/packaging.mk
#   make doctor               what of compiler, MPI and libraries is here, and how to get what is missing
#   make deps PREFIX=$HOME/.local FROM=FOLDER [HDF5=1]  build cJSON, PCRE2 (and HDF5) from release tarballs, without root
#   make bench | bench-peer   speed against the limit, PyTorch and Trainer; see docs/explanation/performance.md
#   make test-peers           what linnet writes read by Transformers and TensorBoard, and the other way round (installs them in build/peer)
#   make test-arm             unit, MPI, golden and e2e tests on aarch64, by a cross build under qemu (an hour or more)
#   make kill-many            kill training jobs 1,000 times, and fail a call at every call site in turn
#   make fuzz                 feed the readers of files with ten minutes of hostile input (clang)
#   make valgrind             a tiny job on 2 ranks under valgrind
#   make test PARTS="unit mpi"  some parts of make test (scripts/test.sh lists them); without PARTS all of them
#   make test | check | unit | format | format-check | docs | errors | clean
#
# `make check` is the quick part of `make test`: unit, MPI and golden tests in under two minutes. One test alone, after
# `make unit-programs mpi-programs`:
#
#   build/tests/unit/tokenizer/tokenizer_test                                    one C test program
#   CMOCKA_TEST_FILTER='test_ids*' build/tests/unit/tokenizer/tokenizer_test     one case in it; * and ? are wildcards
#   scripts/mpirun.sh 3 build/tests/mpi/reduction_test                      one MPI program on 3 ranks
#   python3 -m pytest tests/e2e/plan_test.py -k constants                   one pytest

PREFIX ?= /usr/local
BUILD  := build$(if $(SAN),/san)
VERSION  := 0.2.0
RELEASED := 2026-11-29

# The compiler under the MPI wrapper: `make CC=gcc-13`, or CC in the environment, as each MPI's wrapper takes it. A CC that is a
# wrapper itself, as build systems have it, is MPICC: under a wrapper it would start itself without end.
ifneq ($(filter mpi%,$(notdir $(CC))),)
MPICC ?= $(CC)
else ifneq ($(filter command%,$(origin CC)),)
export OMPI_CC := $(CC)
export MPICH_CC := $(CC)
export I_MPI_CC := $(CC)
else ifeq ($(origin CC),environment)
export OMPI_CC ?= $(CC)
export MPICH_CC ?= $(CC)
export I_MPI_CC ?= $(CC)
endif
MPICC ?= mpicc

# scripts/configure.sh finds compiler and libraries (ARCH, FOUND_*) for the goals that need them. An installation takes what
# the build has found, since sudo has another environment.
quote = '$(subst ','\'',$(1))'
# $(shell) knows nothing of the variables that are set on make's command line.
SET         = $(foreach v,$(.VARIABLES),$(if $(filter command,$(origin $(v))),$(v)))
ENVIRONMENT = $(foreach v,MPICC OMPI_CC MPICH_CC I_MPI_CC PREFIX,$(if $($(v)),$(v)=$(call quote,$($(v))))) $(foreach v,$(SET),$(v)=$(call quote,$($(v))))
ANYWHERE := clean quickstart test test-arm check fuzz valgrind dependencies uninstall dist deb format format-check doctor deps
GOALS    := $(filter-out $(ANYWHERE),$(or $(MAKECMDGOALS),all))
ifneq ($(GOALS),)
ifneq ($(GOALS) $(wildcard $(BUILD)/config.mk),install $(BUILD)/config.mk)
ifneq ($(shell env $(ENVIRONMENT) scripts/configure.sh $(BUILD) && echo yes),yes)
$(error linnet cannot be built here; make doctor says what was found and what is missing)
endif
endif
include $(BUILD)/config.mk
endif

# What linnet needs. The user's CPPFLAGS, CFLAGS, LDFLAGS and LDLIBS, from the command line or the environment, are added to
# it and never take its place.
OPT             ?= $(if $(SAN),-O1,-O3)
LINNET_CPPFLAGS := -Iinclude -Isrc -D_GNU_SOURCE -DH5_USE_110_API -DLINNET_VERSION='"$(VERSION)"' -DLINNET_RELEASED='"$(RELEASED)"'
LINNET_CFLAGS   := -std=c11 $(OPT) -g -fopenmp -ffp-contract=off -fno-math-errno -fno-trapping-math \
                   -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-enum-float-conversion $(if $(WERROR),-Werror) \
                   $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer)
LINNET_LDFLAGS  := -fopenmp $(if $(SAN),-fsanitize=$(SAN))
PREPROCESS       = $(MPICC) $(LINNET_CPPFLAGS) $(CPPFLAGS) $(FOUND_CPPFLAGS)
COMPILE          = $(PREPROCESS) $(LINNET_CFLAGS) $(FOUND_CFLAGS) $(CFLAGS)
LINK_FLAGS       = $(LINNET_LDFLAGS) $(LDFLAGS) $(FOUND_LDFLAGS)
LINK             = $(MPICC) $(CFLAGS) $(LINK_FLAGS)
LIBS             = $(FOUND_LDLIBS) $(LDLIBS) -lm

# Files named *_kernels.c are compiled once for every instruction set; the program picks at run time (src/kernels/isa.c). Each set
# begins with the plain processor, whatever -march the user's CFLAGS have.
ISAS            := base $(if $(filter x86_64,$(ARCH)),avx2 avx512 avx512bf16 amx) $(if $(filter aarch64,$(ARCH)),neon $(SVE_ISAS))
ISA_FLAGS_base  := $(if $(filter x86_64,$(ARCH)),-march=x86-64) $(if $(SVE_ISAS),-msve-vector-bits=scalable)
ISA_FLAGS_avx2  := $(ISA_FLAGS_base) -mavx2 -mfma -mf16c -mprefer-vector-width=256
ISA_FLAGS_avx512 := $(ISA_FLAGS_base) -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512
ISA_FLAGS_avx512bf16 := $(ISA_FLAGS_avx512) -mavx512bf16
ISA_FLAGS_amx  := $(ISA_FLAGS_avx512bf16) -mamx-tile -mamx-bf16
ISA_FLAGS_neon := $(ISA_FLAGS_base)
ISA_FLAGS_sve256 := $(SVE_FLAGS) -msve-vector-bits=256
ISA_FLAGS_sve512 := $(SVE_FLAGS) -msve-vector-bits=512

SOURCES := $(sort $(wildcard src/*/*.c))
KERNELS := $(filter %_kernels.c,$(SOURCES))
PLAIN   := $(filter-out %_kernels.c src/cli/main.c,$(SOURCES))
OBJECTS := $(PLAIN:src/%.c=$(BUILD)/obj/%.o) $(foreach i,$(ISAS),$(KERNELS:src/%.c=$(BUILD)/obj/%.$(i).o))
UNITS   := $(sort $(wildcard tests/unit/*_test.c tests/unit/*/*_test.c))
MPITESTS := $(sort $(wildcard tests/mpi/*_test.c))

.PHONY: all clean unit test check kill-many quickstart dependencies doctor deps format format-check docs bench bench-peer unit-programs mpi-programs fuzz fuzzers errors valgrind test-peers test-arm
all: $(BUILD)/linnet

# Only after a `make clean` in the same call.
$(BUILD)/toolchain:
	@env $(ENVIRONMENT) scripts/configure.sh $(BUILD)

$(BUILD)/linnet: $(BUILD)/obj/cli/main.o $(BUILD)/liblinnet.a
	$(LINK) -o $@ $^ $(LIBS)

$(BUILD)/liblinnet.a: $(OBJECTS)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/obj/%.o: src/%.c $(BUILD)/toolchain
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

define isa_rule
$(BUILD)/obj/%_kernels.$(1).o: src/%_kernels.c $(BUILD)/toolchain
	@mkdir -p $$(@D)
	$$(COMPILE) $$(ISA_FLAGS_$(1)) -DISA=$(1) -MMD -MP -c -o $$@ $$<
endef
$(foreach i,$(ISAS),$(eval $(call isa_rule,$(i))))

# Unit tests: one program a module, cmocka; MPI tests: one program each, run under 1 to 4 ranks.
$(BUILD)/tests/unit/%: tests/unit/%.c $(BUILD)/tests/filter.o $(BUILD)/liblinnet.a
	@mkdir -p $(@D)
	$(COMPILE) -Itests -MMD -MP $(LINK_FLAGS) -o $@ $(filter-out %.h,$^) $(LIBS) -lcmocka
$(BUILD)/tests/filter.o: tests/unit/filter.c $(BUILD)/toolchain
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<
$(BUILD)/tests/mpi/%: tests/mpi/%.c $(BUILD)/liblinnet.a
	@mkdir -p $(@D)
	$(COMPILE) -Itests -MMD -MP $(LINK_FLAGS) -o $@ $< $(BUILD)/liblinnet.a $(LIBS)

# The readers' tests on given bytes: those of the fuzzers, below.
FUZZ_READERS := $(wildcard tests/fuzz/*readers.c)
$(BUILD)/tests/unit/fuzz_cases_test: tests/unit/fuzz_cases_test.c $(FUZZ_READERS) tests/fuzz/readers.h $(BUILD)/tests/filter.o $(BUILD)/liblinnet.a
	@mkdir -p $(@D)
	$(COMPILE) -Itests $(LINK_FLAGS) -o $@ $(filter-out %.h,$^) $(LIBS) -lcmocka

$(BUILD)/tests/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(COMPILE) $(LINK_FLAGS) -o $@ $< $(LIBS) $(OPENBLAS_LDLIBS)

# Fuzzers, one a reader: what reads files of unknown origin is compiled by clang with coverage and sanitizers, all else
# comes from the library as it is.
FUZZ      := $(BUILD)/fuzz
FUZZERS   := $(addprefix $(FUZZ)/,$(shell sed -n 's/^void feed_\([a-z0-9_]*\).*/\1/p' tests/fuzz/readers.h))
FUZZED    := $(wildcard src/core/*.c src/data/*.c src/text/*.c src/tokenizer/*.c src/model/*config*.c src/model/model_folder.c src/model/model_folder_values.c src/model/parameters.c \
                        src/model/safetensors*.c src/model/mapped_file.c src/model/shards.c src/settings/*.c src/checkpoint/run_state.c \
                        src/checkpoint/moments_file.c src/checkpoint/checkpoint_verify.c)
FUZZ_OBJECTS := $(FUZZED:src/%.c=$(FUZZ)/obj/%.o) $(FUZZ_READERS:tests/fuzz/%.c=$(FUZZ)/obj/%.o)
FUZZ_FLAGS := -std=c11 -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
$(FUZZ)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	OMPI_CC=clang $(PREPROCESS) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<
$(FUZZ)/obj/%.o: tests/fuzz/%.c
	@mkdir -p $(@D)
	OMPI_CC=clang $(PREPROCESS) -Itests $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<
$(FUZZERS): $(FUZZ)/%: tests/fuzz/fuzz.c $(FUZZ_OBJECTS) $(BUILD)/liblinnet.a
	OMPI_CC=clang $(PREPROCESS) -Itests $(FUZZ_FLAGS) -fsanitize=fuzzer -DREADER=feed_$* -o $@ $< $(FUZZ_OBJECTS) \
		$(BUILD)/liblinnet.a $(FOUND_LDFLAGS) $(LIBS) -lgomp
fuzzers: $(FUZZERS)

unit-programs: $(UNITS:tests/%.c=$(BUILD)/tests/%)
mpi-programs: $(MPITESTS:tests/%.c=$(BUILD)/tests/%)
unit: unit-programs
	@for t in $(UNITS:tests/%.c=$(BUILD)/tests/%); do $$t || exit 1; done

dependencies:
	scripts/dependencies.sh
# What of all that linnet needs is here, and how to get what is missing.
doctor:
	@env $(ENVIRONMENT) scripts/doctor.sh
# cJSON and PCRE2 (and HDF5) without root, from release tarballs in the folder FROM.
deps:
	scripts/build_libraries.sh '$(if $(filter-out file,$(origin PREFIX)),$(PREFIX))' '$(FROM)' cjson pcre2 $(if $(HDF5),hdf5)
quickstart:
	scripts/quickstart.sh
test:
	scripts/test.sh $(PARTS)
check:
	scripts/test.sh build unit mpi golden
# What `make test` tries for a minute, for 20 to 30 minutes: 1,000 kills, and a failing call at every call site.
kill-many:
	LINNET_KILLS=1000 LINNET_FAULTS=all scripts/test.sh build kill
# What the part arm of `make test` tries in a few minutes, with all tests.
test-arm:
	LINNET_ARM=all scripts/test.sh build arm
valgrind:
	scripts/valgrind.sh
# Ten minutes in all, shared out among the readers; FUZZ_SECONDS for another time, FUZZ_ONLY for some of them.
fuzz:
	scripts/fuzz.sh $(or $(FUZZ_SECONDS),600) $(FUZZ_ONLY)

# Speed and memory against the limit, and against PyTorch and Trainer where PEER is a Python that has them. DATA: a folder of tweets and vocabulary.
bench: all $(BUILD)/tests/bench/products
	$(shell bash -c '. scripts/lib.sh && python_with json') scripts/bench.py --json $(BUILD)/bench.json $(if $(DATA),--data $(DATA)) $(if $(PEER),--peer $(PEER)) $(BENCH)
# The same with the rows against PyTorch and Trainer, whose packages go into build/peer once.
bench-peer: build/peer/installed
	$(MAKE) bench PEER=build/peer/bin/python
build/peer/installed: tests/peer/requirements.txt requirements.txt
	python3 -m venv build/peer
	build/peer/bin/pip install -r tests/peer/requirements.txt -r requirements.txt
	touch $@
# What linnet writes read by Transformers, and the other way round.
test-peers: all build/peer/installed
	LINNET=$(BUILD)/linnet build/peer/bin/python -m pytest -q -p no:cacheprovider tests/peer

# docs/reference/settings.md and commands.md are made from the tables that the program reads settings and options by.
docs: $(BUILD)/linnet
	$(BUILD)/linnet train --settings > $(BUILD)/settings.md
	cp $(BUILD)/settings.md docs/reference/settings.md
	$(BUILD)/linnet man --markdown > $(BUILD)/commands.md
	cp $(BUILD)/commands.md docs/reference/commands.md

# The lines that linnet prints for the mistakes of tests/fault/errors.py: all of them in errors_golden.tsv there, and the
# examples on docs/reference/errors.md.
errors: docs
	LINNET_ERRORS=write scripts/test.sh errors

C_FILES = $(wildcard include/linnet/*/*.h src/*/*.[ch] tests/*/*.[ch] tests/unit/*/*.[ch])
format:
	clang-format -i $(C_FILES)
format-check:
	clang-format --dry-run -Werror $(C_FILES)

clean:
	rm -rf build

include packaging/packaging.mk

# Only where compilers write them: build/ also has other systems' roots.
-include $(shell find $(addprefix $(BUILD)/,obj tests fuzz) -name '*.d' 2>/dev/null)
