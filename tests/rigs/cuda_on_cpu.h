// Just enough of CUDA to run kernels.cu on the CPU, one fiber a thread: what the tests check is the arithmetic and the
// barriers, not the speed. A block's threads run in turn, forwards or backwards, each up to its next barrier or warp
// exchange; a barrier that not every thread reaches, or an exchange that not every lane of a warp reaches, is an error.
// Each block finds shared memory full of NaN, and what C++ leaves undefined is an error too (see UNDEFINED).
#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline
#define __launch_bounds__(...)

using std::min;

struct Triple { unsigned x, y, z; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

static Triple threadIdx, blockIdx, blockDim, gridDim;

namespace fibers {
enum { MOST = 1024, STACK = 64 * 1024 };
struct Barrier {
    int arrived = 0, wanted = 0;
    long turn = 0;
};
struct Fiber {
    ucontext_t start;
    jmp_buf here;
    bool begun, done;
    const Barrier* waits;
    long turn;
};
static Fiber fiber[MOST];
static std::vector<char> stacks;
static ucontext_t home;
static jmp_buf scheduler;
static Barrier block, warp[MOST / 32];
static uint64_t slots[MOST];
static std::map<void*, long> seen;  // shared memory, and the last block that declared it
static long block_number;
static void (*body)(void*);
static void* body_arguments;
static int current;

static void enter() {
    body(body_arguments);
    fiber[current].done = true;
    _longjmp(scheduler, 1);
}
static void wait(Barrier& barrier) {
    Fiber& self = fiber[current];
    self.turn = barrier.turn;
    if (++barrier.arrived == barrier.wanted) {
        barrier.arrived = 0;
        barrier.turn++;
        return;
    }
    self.waits = &barrier;
    if (!_setjmp(self.here)) _longjmp(scheduler, 1);
}
// Called by every thread where shared memory is declared: the first of a block finds nothing of the block before.
static void poison(void* memory, size_t size) {
    if (seen[memory] == block_number) return;
    seen[memory] = block_number;
    memset(memory, 0xFF, size);
}
// False when threads wait for one that will not come.
static bool run_block(int threads, bool backwards) {
    stacks.resize((size_t)MOST * STACK);
    block_number++;
    block = Barrier();
    block.wanted = threads;
    for (int w = 0; w < threads / 32; w++) warp[w] = Barrier(), warp[w].wanted = 32;
    for (int i = 0; i < threads; i++) fiber[i].begun = fiber[i].done = false, fiber[i].waits = nullptr;
    for (bool progress = true; progress;) {
        progress = false;
        for (int k = 0; k < threads; k++) {
            volatile int i = backwards ? threads - 1 - k : k;
            Fiber& f = fiber[i];
            if (f.done || (f.waits && f.waits->turn == f.turn)) continue;
            f.waits = nullptr;
            progress = true;
            current = i;
            threadIdx = {(unsigned)i, 0, 0};
            if (_setjmp(scheduler)) continue;
            if (f.begun) _longjmp(f.here, 1);
            f.begun = true;
            getcontext(&f.start);
            f.start.uc_stack.ss_sp = stacks.data() + (size_t)i * STACK;
            f.start.uc_stack.ss_size = STACK;
            f.start.uc_link = nullptr;
            makecontext(&f.start, enter, 0);
            swapcontext(&home, &f.start);
        }
    }
    for (int i = 0; i < threads; i++)
        if (!fiber[i].done) return false;
    return true;
}
template <class T>
static T exchange(T value, int from) {  // every lane gives a value and takes that of lane `from`
    const int me = current, first = me / 32 * 32;
    memcpy(&slots[me], &value, sizeof value);
    wait(warp[me / 32]);
    T taken;
    memcpy(&taken, &slots[first + from], sizeof taken);
    wait(warp[me / 32]);
    return taken;
}
}  // namespace fibers

static inline void __syncthreads() { fibers::wait(fibers::block); }
template <class T> static T __shfl_sync(unsigned, T v, int from) { return fibers::exchange(v, from); }
template <class T> static T __shfl_up_sync(unsigned, T v, int by) {
    const int lane = threadIdx.x & 31;
    return fibers::exchange(v, lane < by ? lane : lane - by);
}
template <class T> static T __shfl_down_sync(unsigned, T v, int by) {
    const int lane = threadIdx.x & 31;
    return fibers::exchange(v, lane + by > 31 ? lane : lane + by);
}
template <class T> static inline T __ldg(const T* p) { return *p; }
static inline unsigned __popc(unsigned v) { return (unsigned)__builtin_popcount(v); }
static inline unsigned atomicAdd(unsigned* p, unsigned v) { return (*p += v) - v; }
static inline unsigned atomicMin(unsigned* p, unsigned v) { unsigned was = *p; *p = min(was, v); return was; }
static inline unsigned atomicMax(unsigned* p, unsigned v) { unsigned was = *p; *p = std::max(was, v); return was; }
static inline float __uint_as_float(unsigned v) { float f; memcpy(&f, &v, 4); return f; }
static inline unsigned __float_as_uint(float f) { unsigned v; memcpy(&v, &f, 4); return v; }

// -- what the compiler calls where something is undefined: -fsanitize=undefined, without its own library ----------------

static const char* undefined;
#define UNDEFINED(NAME)                                                                    \
    extern "C" void __ubsan_handle_##NAME(void*, void*, void*) { undefined = #NAME; }       \
    extern "C" void __ubsan_handle_##NAME##_abort(void*, void*, void*) { undefined = #NAME; }
UNDEFINED(add_overflow)
UNDEFINED(sub_overflow)
UNDEFINED(mul_overflow)
UNDEFINED(divrem_overflow)
UNDEFINED(negate_overflow)
UNDEFINED(shift_out_of_bounds)
UNDEFINED(out_of_bounds)
UNDEFINED(pointer_overflow)
UNDEFINED(type_mismatch_v1)
UNDEFINED(alignment_assumption)
UNDEFINED(float_cast_overflow)
UNDEFINED(load_invalid_value)
UNDEFINED(invalid_builtin)
UNDEFINED(nonnull_arg)
UNDEFINED(nonnull_return_v1)
UNDEFINED(vla_bound_not_positive)
UNDEFINED(missing_return)
UNDEFINED(builtin_unreachable)

// -- calling a kernel by name, with the same packed arguments that a device gets ---------------------------------------

namespace call {
template <class T> struct Code { static constexpr char code = 'p'; };  // pointers
template <> struct Code<int> { static constexpr char code = 'i'; };
template <> struct Code<unsigned> { static constexpr char code = 'I'; };
template <> struct Code<long long> { static constexpr char code = 'q'; };

template <class... A> struct Packed {
    void (*kernel)(A...);
    void** arguments;
    template <size_t... I> void with(std::index_sequence<I...>) { kernel(*(A*)arguments[I]...); }
    static void enter(void* self) { ((Packed*)self)->with(std::index_sequence_for<A...>()); }
};
// 0, or 1 when the signature differs, 2 when threads diverged at a barrier, 4 when it did what C++ leaves undefined.
template <class... A>
static int launch(void (*kernel)(A...), const char* signature, unsigned blocks, unsigned threads, void** arguments,
                  bool backwards) {
    const char expected[] = {Code<A>::code..., 0};
    if (strcmp(expected, signature)) return 1;
    Packed<A...> packed = {kernel, arguments};
    fibers::body = Packed<A...>::enter;
    fibers::body_arguments = &packed;
    undefined = nullptr;
    gridDim = {blocks, 1, 1}, blockDim = {threads, 1, 1};
    for (unsigned b = 0; b < blocks; b++) {
        blockIdx = {backwards ? blocks - 1 - b : b, 0, 0};
        if (!fibers::run_block((int)threads, backwards)) return 2;
    }
    return undefined ? 4 : 0;
}
}  // namespace call
