# make demo       a Groth16 proof from a .zkey and a .wtns, its MSMs computed by the simulated card
# make test       every test, with circom and snarkjs as third parties
# make formal     every proof about the generated hardware, and the table docs/formal-table.md made of them: docs/formal.md
# make test-qemu  the driver under a real Linux kernel in QEMU (Debian hosts)
# make bench      the tables of docs/benchmarks.md
# make bench-riscv the RISC-V core's columns, times and proofs on every guest: docs/riscv-figures.md
# make bench-msm  MSM cycles against the bound for sizes and distributions: docs/msm-ratio.json and docs/msm-ratio.svg
# make test-fuzz  one minute of libFuzzer, all targets; make fuzz runs each FUZZ_RUNS times: docs/fuzzing.md
# make test-malformed  100,000 damaged files and 100,000 distorted proofs, all refused (MALFORMED, and PERMAFROST_SEED to go on)
# make attack     lying provers against the verifier, every column of every table: docs/attacks.md (half an hour on 4 cores)
# make test-miri  the memory contract and the driver under Miri, which finds undefined behaviour
# make guests     the RISC-V programs of zkvm/guests, built to the ELFs committed there; guests-check compares, guests-qemu runs
# make lint       formatting and clippy
# make setup      install what the above need (Debian), or name it (elsewhere)
#
# Everything is built with one cargo profile (dev, whose optimisation levels are set in Cargo.toml), so that the demo
# and the tests share what is compiled.

CARGO ?= cargo
TARGET := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
PERMAFROST := $(TARGET)/debug/permafrost
CIRCUIT := tests/circuits/membership
DEMO := $(TARGET)/demo

.PHONY: demo test formal formal-sabotage test-ntt test-fuzz fuzz test-malformed attack test-miri test-qemu test-qemu-iommufd test-kill test-faults bench bench-msm bench-ntt bench-riscv guests guests-check guests-qemu lint setup
.DEFAULT_GOAL := demo

demo:
	@scripts/setup.sh
	@echo "demo: build the permafrost command"
	@$(CARGO) build --quiet --locked --package permafrost-cli
	@mkdir -p $(DEMO)
	@echo "demo: prove a Merkle membership ($(CIRCUIT); a test setup, not for production)"
	@$(PERMAFROST) groth16 prove $(CIRCUIT)/membership.zkey $(CIRCUIT)/membership.wtns $(DEMO)/proof.json $(DEMO)/public.json
	@$(PERMAFROST) groth16 verify $(CIRCUIT)/verification_key.json $(DEMO)/public.json $(DEMO)/proof.json
	@echo "demo: the proof is $(DEMO)/proof.json, its public signals are $(DEMO)/public.json"

test:
	@scripts/setup.sh --tests
	@scripts/npm.sh
	@# The fuzz package is no part of the workspace: nothing else here sees that its lock file is behind.
	@$(CARGO) metadata --locked --format-version 1 --manifest-path tests/fuzz/Cargo.toml >/dev/null
	@echo "test: build and run every test of the workspace"
	@PERMAFROST_REQUIRE_NODE=1 $(CARGO) test --locked --workspace
	@echo "test: the quick set of the formal proofs"
	@$(CARGO) build --quiet --locked --workspace --bin permafrost-formal
	@PATH="$$(scripts/formal.sh):$$PATH" $(TARGET)/debug/permafrost-formal --quick

# All proofs. Last result: docs/formal-table.md.
formal:
	@scripts/setup.sh --tests
	@$(CARGO) build --quiet --locked --package permafrost-formal
	@PATH="$$(scripts/formal.sh):$$PATH" $(TARGET)/debug/permafrost-formal

# Breaks the hardware in four ways, each of which must make the proofs fail. Last result: docs/formal.md.
formal-sabotage:
	@scripts/setup.sh --tests
	@scripts/formal-sabotage.sh

# Every size to 2^14, kind, order and batch of transforms, and one of 2^18; the tile core with eight lanes and on `xcup`. About
# 35 minutes on 2 cores. Last result: docs/ntt.md.
test-ntt:
	@scripts/setup.sh --tests
	@$(CARGO) test --locked --package permafrost-sim --test ntt_block -- --ignored
	@$(CARGO) test --locked --package permafrost-tests --test ntt -- --ignored --nocapture

FUZZ_TARGETS := vfio_user_message vfio_user_server vfio_user_session vfio_user_client completion zkey wtns pci_config
# Executions of each target by `make fuzz`, and the seconds of each by `make test-fuzz`.
FUZZ_RUNS ?= 10000000
FUZZ_SECONDS ?= 7

fuzz:
	@for target in $(FUZZ_TARGETS); do \
		echo "fuzz: $$target, $(FUZZ_RUNS) runs" && \
		tests/fuzz/run.sh $$target -runs=$(FUZZ_RUNS) -print_final_stats=1 || exit 1; \
	done

test-fuzz:
	@for target in $(FUZZ_TARGETS); do \
		echo "test-fuzz: $$target, $(FUZZ_SECONDS) s" && \
		tests/fuzz/run.sh $$target -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 || exit 1; \
	done

# Proofs that are none: files with bytes changed, and proofs with values or lengths changed, of a small segment.
MALFORMED ?= 100000

test-malformed:
	@echo "test-malformed: $(MALFORMED) damaged files and as many distorted proofs"
	@PERMAFROST_MALFORMED=$(MALFORMED) $(CARGO) test --locked --package permafrost-zkvm --test proof malformed -- --nocapture

# Some 2,200 false proofs of one cell and 250 other lies, each of which must be refused; writes docs/attacks.md. PERMAFROST_ATTACK=all proves
# every bit of the tables of SHA-256 and Keccak-f too, three times as many. Built for this processor, beside the rest.
attack:
	@scripts/setup.sh --tests
	@RUSTFLAGS="-C target-cpu=native" CARGO_TARGET_DIR=$(TARGET)/native $(CARGO) test --locked --package permafrost-zkvm --test attack -- \
		--ignored --nocapture

# The memory contract, the driver's own tests, and the driver against the fake card, interpreted. Last result: docs/driver.md.
test-miri:
	@scripts/miri.sh

# The driver under a real kernel: Linux in QEMU, with an IOMMU, on the simulated card. What it fetches: tests/qemu/README.md.
# The whole workspace, so that what `make test` has built is used; `serve` because cargo builds the permafrost command for it.
test-qemu:
	@scripts/setup.sh
	@tests/qemu/fetch.sh >/dev/null
	@$(CARGO) test --quiet --locked --workspace --test qemu --test serve --no-run
	@$(CARGO) test --quiet --locked --workspace --test qemu -- --ignored --nocapture --test-threads=1

# The transport's two backends on a kernel built for it, with failing allocations; the first time this takes up to half an hour.
test-qemu-iommufd:
	@scripts/setup.sh
	@tests/qemu/fetch.sh >/dev/null
	@$(CARGO) build --quiet --locked --package permafrost-cli
	@PERMAFROST_QEMU_KERNEL=$$(tests/qemu/kernel.sh) $(CARGO) test --quiet --locked --package permafrost-guest \
		--features iommufd --test qemu -- --ignored --nocapture --exact the_transport_under_the_real_kernel

# Ten thousand random commands. Last result: docs/faults.md.
test-faults:
	@scripts/setup.sh --tests
	@$(CARGO) test --locked --package permafrost-tests --test faults -- --ignored --nocapture

# A thousand drivers killed in the middle of a proof, then a thousand MSMs: half an hour. Last result: docs/faults.md.
test-kill:
	@scripts/setup.sh --tests
	@$(CARGO) test --locked --package permafrost-cli --test kill -- --ignored --nocapture

bench:
	@scripts/setup.sh
	@$(CARGO) build --quiet --locked --package permafrost-cli
	@scripts/bench.sh $(PERMAFROST)

# The largest size, log2; 17 takes several times as long.
BENCH_MSM_TO ?= 15

bench-msm:
	@scripts/setup.sh
	@$(CARGO) build --quiet --locked --package permafrost-cli
	@$(PERMAFROST) bench sweep --to $(BENCH_MSM_TO) --out docs/msm-ratio.json
	@$(CARGO) run --quiet --locked --package permafrost-tests --example plot -- docs/msm-ratio.json docs/msm-ratio.svg
	@echo "bench-msm: figures in docs/msm-ratio.json, plot in docs/msm-ratio.svg"

# log2 of the longest transform.
BENCH_NTT_TO ?= 18

bench-ntt:
	@scripts/setup.sh
	@$(CARGO) build --quiet --locked --package permafrost-cli
	@scripts/bench-ntt.sh $(PERMAFROST) $(BENCH_NTT_TO)
	@$(CARGO) run --quiet --locked --package permafrost-tests --example plot -- docs/ntt-ratio.json docs/ntt-ratio.svg
	@echo "bench-ntt: figures of the transforms in docs/ntt-ratio.json, plot in docs/ntt-ratio.svg"

# Both builds, three sizes of segments; about 15 minutes on one core and 8 GB of memory. Last result: docs/riscv-figures.md.
bench-riscv:
	@$(CARGO) run --quiet --locked --package permafrost-zkvm --example figures -- 16 18 20 --prove 1
	@RUSTFLAGS="-Ctarget-cpu=native" CARGO_TARGET_DIR=$(TARGET)/native $(CARGO) run --quiet --locked --package permafrost-zkvm --example figures -- 16 18 20 --prove 1
	@echo "bench-riscv: figures of the RISC-V core in docs/riscv-figures.md"

# The compiler is needed for this alone: everything else uses the committed ELFs.
guests:
	@scripts/setup.sh --guests
	@echo "guests: build zkvm/guests/elf"
	@$(MAKE) --no-print-directory -C zkvm/guests

# Whether the committed ELFs are what the sources give. Skipped, and said so, where the compiler is absent or another version.
guests-check:
	@$(MAKE) --no-print-directory -C zkvm/guests check

# The instruction tests under qemu-riscv32, as a second opinion of what they expect. Skipped, and said so, where it is absent.
guests-qemu:
	@$(MAKE) --no-print-directory -C zkvm/guests qemu

lint:
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --workspace

setup:
	@scripts/setup.sh --tests
