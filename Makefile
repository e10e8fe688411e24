# The front door: every target here is one line over CMake. `make help` lists them.
BUILD := build
JOBS  := $(shell nproc 2>/dev/null || echo 2)
DESTDIR ?=
# In CI warnings are errors.
STRICT  := -DINGEST_WERROR=$(if $(CI),ON,OFF)
PREFIX  ?= /usr

.PHONY: help build demo test check soak asan tsan fuzz bench bench-query test-systemd install clean

help:
	@echo "make build    optimised programs, into build/"
	@echo "make demo     a private daemon fed by this host's own sensors for ten seconds, then queries and a plot"
	@echo "make test     all tests"
	@echo "make check    everything a change must pass: gcc and clang, sanitizers, linters, format, layers, man pages"
	@echo "make soak     the long tier of the crash and fault tests, hours of it; SOAK=names for some, tools/soak --list names them"
	@echo "make asan     the tests under AddressSanitizer and UndefinedBehaviorSanitizer"
	@echo "make tsan     the tests under ThreadSanitizer"
	@echo "make fuzz     each fuzz target for FUZZ_SECONDS (60)"
	@echo "make bench    the tables of docs/benchmarks.md"
	@echo "make test-systemd  the installed service under a real systemd, in a container (as root)"
	@echo "make bench-query   the rolling kernels against bottleneck, pandas and NumPy (Debian's python3-bottleneck, python3-pandas)"
	@echo "make install  PREFIX=/usr DESTDIR= (GNU layout)"
	@echo "make clean    removes build/"

build:
	@tools/need build
	cmake --preset default $(STRICT) $(CMAKE_FLAGS)
	cmake --build $(BUILD) -j $(JOBS)

demo: build
	@tools/demo

test:
	@tools/need test
	cmake --preset test $(STRICT) $(CMAKE_FLAGS)
	cmake --build $(BUILD) -j $(JOBS)
	ctest --test-dir $(BUILD) -j $(JOBS) --output-on-failure $(CTEST_FLAGS)

check:
	@tools/need check
	tools/check

soak:
	@tools/need test
	cmake --preset test $(STRICT) $(CMAKE_FLAGS)
	cmake --build $(BUILD) -j $(JOBS)
	tools/soak $(SOAK)

# One harness: make soak-stats
soak-%:
	$(MAKE) --no-print-directory soak SOAK=$*

asan tsan:
	@tools/need test
	cmake --preset $@ $(CMAKE_FLAGS)
	cmake --build $(BUILD)/$@ -j $(JOBS)
	tools/with-sanitizer ctest --test-dir $(BUILD)/$@ -j $(JOBS) --output-on-failure $(CTEST_FLAGS)

FUZZ_SECONDS ?= 60
fuzz:
	@tools/need fuzz
	cmake --preset fuzz
	cmake --build $(BUILD)/fuzz -j $(JOBS)
	tools/fuzz $(BUILD)/fuzz $(FUZZ_SECONDS)

bench:
	@tools/need test
	cmake --preset bench $(STRICT) $(CMAKE_FLAGS)
	cmake --build $(BUILD) -j $(JOBS)
	bench/run $(BENCH_FLAGS)

test-systemd:
	@tools/test-systemd

# The rolling kernels against bottleneck, pandas and NumPy; BENCH_FLAGS=--accuracy for docs/accuracy.md.
bench-query:
	cmake --preset bench $(STRICT) $(CMAKE_FLAGS)
	cmake --build $(BUILD) -j $(JOBS) --target bench_stats bench_ranges ingest-query
	bench/query $(BENCH_FLAGS)

install: build
	cmake -DCMAKE_INSTALL_PREFIX=$(PREFIX) $(BUILD) >/dev/null
	DESTDIR=$(DESTDIR) cmake --install $(BUILD)

clean:
	rm -rf $(BUILD)
