// The GPU kernel: MHFD as a fused pyramid. No kernel here holds a stack of scales.
//
//   look:  clear -> digits/choose (radix select: exact stretch limits) -> census (histogram) -> blocks, shares
//          (statistics of blocks, as native/stats.c has them)
//   climb: fine (full-resolution scales: running maximum) -> halve (cell-centred pyramid) -> coarse (differences of
//          Gaussians on their own grids) -> climb (up to full resolution, running maximum)
//   find:  recount -> peaks (the last climb, then the 3x3 test, floors and compaction)
//   tally: which peaks count, by scale and by block (as measure/gate.py has it)
//
// Arithmetic is written out: fused where it says fmaf, rounded after each operation where it does not (the compiler is
// told to fuse nothing), so that every machine finds the same bits.
//
// gpu_plan.py decides what is launched, and puts the sizes (TILE, REACH, ...) and the table RISE in front of this text.
// Every border is half-sample reflect. Every launch is one-dimensional. It must stay plain CUDA C++ without headers:
// the tests also compile it as C++ and run it thread by thread on the CPU.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef long long i64;

#define SPAN (TILE + 2 * REACH)            // a tile with the halo of the widest Gaussian
#define HALVE_SPAN (2 * TILE + 2 * HALF - 2)  // what a tile of the next level reads
#define EVERY_LANE 0xffffffffu
#define LEAST (-3.0e38f)

// -- borders and sources ---------------------------------------------------------------------------------------------

__device__ __forceinline__ int reflect(int i, int n) {
    while (i < 0 || i >= n) i = i < 0 ? -1 - i : 2 * n - 1 - i;
    return i;
}

// The image as it was uploaded, stretched to [0, 1] while it is read.
template <class Pixel>
struct Image {
    const Pixel* pixels;
    int height, width;
    float low, scale;
    __device__ __forceinline__ float operator()(int y, int x) const {
        float v = ((float)pixels[(i64)reflect(y, height) * width + reflect(x, width)] - low) * scale;
        return fminf(fmaxf(v, 0.0f), 1.0f);
    }
};

struct Grid {
    const float* values;
    int height, width, pitch;
    __device__ __forceinline__ float operator()(int y, int x) const {
        return values[(i64)reflect(y, height) * pitch + reflect(x, width)];
    }
};

// -- limits of the stretch: radix select of two ranks, eight bits a pass ----------------------------------------------

// state: prefix of the low and the high rank, then what is left of each rank.
// result: count, low, high, 1 / (high - low), keys of the lowest and highest pixel, keys of the lowest and highest pixel
// of whole blocks.
extern "C" __global__ void clear(u32* result, u32* state, u32* bins, u32* counts, int kinds, u32 low_rank,
                                 u32 high_rank) {
    const int t = threadIdx.x, stride = (int)(gridDim.x * blockDim.x);
    for (int i = (int)(blockIdx.x * blockDim.x) + t; i < kinds; i += stride) counts[i] = 0;
    if (blockIdx.x) return;
    for (int i = t; i < 512; i += blockDim.x) bins[i] = 0;
    if (t < 16) result[t] = t == 4 || t == 6 ? 0xffffffffu : 0;
    if (t < 4) state[t] = t < 2 ? 0 : t == 2 ? low_rank : high_rank;
}

// Before peaks are found, or found again: neither they nor what is counted of them is left from before.
extern "C" __global__ void recount(u32* result, u32* counted, int words) {
    const int stride = (int)(gridDim.x * blockDim.x);
    for (int i = (int)(blockIdx.x * blockDim.x + threadIdx.x); i < words; i += stride) counted[i] = 0;
    if (blockIdx.x == 0 && threadIdx.x == 0) result[0] = 0;
}

// Unsigned keys in the order of the values.
__device__ __forceinline__ u32 key_of(u8 v) { return v; }
__device__ __forceinline__ u32 key_of(u16 v) { return v; }
__device__ __forceinline__ u32 key_of(float v) {
    u32 bits = __float_as_uint(v);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
__device__ __forceinline__ float value_of(u32 key, int is_float) {
    if (!is_float) return (float)key;
    return __uint_as_float(key & 0x80000000u ? key ^ 0x80000000u : ~key);
}

__device__ __forceinline__ void count_digit(u32* table, u32 key, int shift, int first, u32 low, u32 high) {
    u32 digit = key >> shift & 255u;
    if (first) {
        atomicAdd(&table[digit], 1u);
        return;
    }
    u32 prefix = key >> (shift + 8);
    if (prefix == low) atomicAdd(&table[digit], 1u);
    if (prefix == high) atomicAdd(&table[256 + digit], 1u);
}

template <class Pixel>
__device__ void digits_of(const Pixel* pixels, i64 size, int shift, int first, const u32* state, u32* bins) {
    __shared__ u32 tables[THREADS / 32][512];  // one a warp: fewer collisions
    for (int i = threadIdx.x; i < THREADS / 32 * 512; i += THREADS) (&tables[0][0])[i] = 0;
    __syncthreads();
    u32* table = tables[threadIdx.x / 32];
    const u32 low = state[0], high = state[1];
    const int each = 16 / (int)sizeof(Pixel);  // the buffer is aligned to 16 bytes
    const i64 whole = size / each, stride = (i64)gridDim.x * THREADS;
    for (i64 i = (i64)blockIdx.x * THREADS + threadIdx.x; i < whole; i += stride) {
        union {
            uint4 words;
            Pixel values[16 / sizeof(Pixel)];
        } pack;
        pack.words = ((const uint4*)pixels)[i];
#pragma unroll
        for (int k = 0; k < each; k++) count_digit(table, key_of(pack.values[k]), shift, first, low, high);
    }
    if (blockIdx.x == 0)
        for (i64 i = whole * each + threadIdx.x; i < size; i += THREADS)
            count_digit(table, key_of(pixels[i]), shift, first, low, high);
    __syncthreads();
    for (int i = threadIdx.x; i < (first ? 256 : 512); i += THREADS) {
        u32 sum = 0;
        for (int w = 0; w < THREADS / 32; w++) sum += tables[w][i];
        if (sum) atomicAdd(&bins[i], sum);
    }
}

// One block of 256 threads. Finds the digit of both ranks and leaves the bins empty for the next pass.
extern "C" __global__ void choose(u32* bins, u32* state, int first, int last, int is_float, u32* result) {
    __shared__ u32 sums[2][256];
    const int t = threadIdx.x;
    for (int which = 0; which < 2; which++) {
        const u32 mine = bins[(first ? 0 : 256 * which) + t];
        sums[0][t] = mine;
        __syncthreads();
        int from = 0;
        for (int step = 1; step < 256; step *= 2) {
            sums[1 - from][t] = sums[from][t] + (t >= step ? sums[from][t - step] : 0u);
            from = 1 - from;
            __syncthreads();
        }
        const u32 upto = sums[from][t], rank = state[2 + which];
        __syncthreads();  // everyone has read the rank
        if (upto - mine <= rank && rank < upto) {
            state[which] = state[which] << 8 | (u32)t;
            state[2 + which] = rank - (upto - mine);
        }
        __syncthreads();
    }
    bins[t] = 0;
    bins[256 + t] = 0;
    if (last && t == 0) {
        const float low = value_of(state[0], is_float), high = value_of(state[1], is_float);
        result[1] = __float_as_uint(low);
        result[2] = __float_as_uint(high);
        result[3] = __float_as_uint(high > low ? 1.0f / (high - low) : 0.0f);
    }
}

// -- histogram: of grey values, or of the upper halves of the keys of floats; the lowest and highest key ---------------

template <class Pixel>
__device__ void census_of(const Pixel* pixels, i64 size, u32* counts, u32* ends) {
    const int each = 16 / (int)sizeof(Pixel), shift = sizeof(Pixel) == 4 ? 16 : 0;
    const i64 packs = (size + each - 1) / each, stride = (i64)gridDim.x * THREADS;
    u32 low = 0xffffffffu, high = 0;
    for (i64 i = (i64)blockIdx.x * THREADS + threadIdx.x; i < packs; i += stride) {
        const int held = size - i * each < each ? (int)(size - i * each) : each;
        u32 before = 0, run = 0;  // neighbours are often equal: they are added together
        for (int k = 0; k < held; k++) {
            const u32 key = key_of(pixels[i * each + k]), kind = key >> shift;
            low = key < low ? key : low;
            high = key > high ? key : high;
            if (run && kind != before) {
                atomicAdd(&counts[before], run);
                run = 0;
            }
            before = kind;
            run++;
        }
        atomicAdd(&counts[before], run);
    }
    for (int step = 16; step; step /= 2) {
        const u32 lower = __shfl_down_sync(EVERY_LANE, low, step), higher = __shfl_down_sync(EVERY_LANE, high, step);
        low = lower < low ? lower : low;
        high = higher > high ? higher : high;
    }
    if ((threadIdx.x & 31) == 0) {
        atomicMin(&ends[0], low);
        atomicMax(&ends[1], high);
    }
}

// -- statistics of whole blocks of BLOCK x BLOCK pixels: mean, diagonal difference, minimum, maximum -------------------
// Half a warp a block, a column each; summed down, then across, in the order and the types of native/stats.c.

template <class Pixel>
struct Wide {  // whole numbers: any order gives the same sum
    typedef u32 Sum;
    typedef i64 Square;
    static __device__ __forceinline__ Square add(Square to, Pixel a, Pixel b, Pixel c, Pixel d) {
        const i64 v = (i64)a - (i64)b - (i64)c + (i64)d;
        return to + v * v;
    }
};
template <>
struct Wide<float> {
    typedef double Sum;
    typedef double Square;
    static __device__ __forceinline__ double add(double to, float a, float b, float c, float d) {
        const double v = (double)a - (double)b - (double)c + (double)d;
        return fma(v, v, to);
    }
};

template <class Pixel>
__device__ void blocks_of(const Pixel* pixels, int width, int rows, int columns, float* out, u32* ends) {
    const int column = threadIdx.x % BLOCK, half = threadIdx.x & 16;
    const i64 mine = (i64)blockIdx.x * (THREADS / BLOCK) + threadIdx.x / BLOCK, total = (i64)rows * columns;
    const i64 block = mine < total ? mine : total - 1;  // the last block again, by threads that keep nothing
    const int row = (int)(block / columns), across = (int)(block - (i64)row * columns);
    const Pixel* p = pixels + (i64)row * BLOCK * width + across * BLOCK + column;
    typename Wide<Pixel>::Sum sum = 0;
    typename Wide<Pixel>::Square square = 0;
    Pixel low = p[0], high = p[0];
    for (int y = 0; y < BLOCK; y++, p += width) {
        const Pixel v = p[0];
        sum += v;
        low = v < low ? v : low;
        high = v > high ? v : high;
        if (y + 1 < BLOCK && column + 1 < BLOCK) square = Wide<Pixel>::add(square, v, p[1], p[width], p[width + 1]);
    }
    double s = 0, q = 0;
    float lowest = (float)low, highest = (float)high;
    for (int k = 0; k < BLOCK; k++) {
        s += (double)__shfl_sync(EVERY_LANE, sum, half + k);
        q += (double)__shfl_sync(EVERY_LANE, square, half + k);
        lowest = fminf(lowest, __shfl_sync(EVERY_LANE, (float)low, half + k));
        highest = fmaxf(highest, __shfl_sync(EVERY_LANE, (float)high, half + k));
    }
    if (column == 0 && mine < total) {
        out[block] = (float)(s / ((double)BLOCK * BLOCK));
        out[total + block] = (float)(q / (4.0 * (BLOCK - 1) * (BLOCK - 1)));
        out[2 * total + block] = lowest;
        out[3 * total + block] = highest;
        atomicMin(&ends[0], key_of(lowest));
        atomicMax(&ends[1], key_of(highest));
    }
}

// The part of each block at the lowest and at the highest value that any block has.
template <class Pixel>
__device__ void shares_of(const Pixel* pixels, int width, int rows, int columns, float* out, const u32* ends) {
    const int column = threadIdx.x % BLOCK, half = threadIdx.x & 16;
    const i64 mine = (i64)blockIdx.x * (THREADS / BLOCK) + threadIdx.x / BLOCK, total = (i64)rows * columns;
    const i64 block = mine < total ? mine : total - 1;
    const int row = (int)(block / columns), across = (int)(block - (i64)row * columns);
    const float low = value_of(ends[0], 1), high = value_of(ends[1], 1);
    const bool any = out[2 * total + block] <= low || out[3 * total + block] >= high;
    const Pixel* p = pixels + (i64)row * BLOCK * width + across * BLOCK + column;
    u32 at = 0;  // so many at the low end, and in the upper half of the word so many at the high one
    for (int y = 0; any && y < BLOCK; y++, p += width)
        at += ((float)p[0] == low ? 1u : 0u) + ((float)p[0] == high ? 65536u : 0u);
    u32 both = 0;
    for (int k = 0; k < BLOCK; k++) both += __shfl_sync(EVERY_LANE, at, half + k);
    if (column == 0 && mine < total) {
        out[4 * total + block] = (float)(both & 65535u) / (BLOCK * BLOCK);
        out[5 * total + block] = (float)(both >> 16) / (BLOCK * BLOCK);
    }
}

// -- Gaussians --------------------------------------------------------------------------------------------------------

// Four neighbouring outputs of one symmetric filter. The taps end in three zeros, so that the four windows, each one
// further, are walked together, four samples and four taps at a time.
struct Four {
    float a, b, c, d;
    float4 before;
    __device__ __forceinline__ Four() : a(0), b(0), c(0), d(0) { before = make_float4(0, 0, 0, 0); }
    __device__ __forceinline__ void add(float v0, float v1, float v2, float v3, float4 w) {
        a = fmaf(v3, w.w, fmaf(v2, w.z, fmaf(v1, w.y, fmaf(v0, w.x, a))));
        b = fmaf(v3, w.z, fmaf(v2, w.y, fmaf(v1, w.x, fmaf(v0, before.w, b))));
        c = fmaf(v3, w.y, fmaf(v2, w.x, fmaf(v1, before.w, fmaf(v0, before.z, c))));
        d = fmaf(v3, w.x, fmaf(v2, before.w, fmaf(v1, before.z, fmaf(v0, before.y, d))));
        before = w;
    }
};

// A tile of the source is read once and blurred by each Gaussian of a chain in turn, straight from the source. Thread t
// holds the four pixels from (t / 8, t % 8 * 4), and hands each blurred quadruple to the sink.
// chain: (radius, offset of the taps) of each Gaussian; radii are even, so that whole float4 taps fit the tile.
template <class Source, class Sink>
__device__ __forceinline__ void blur_chain(const Source& source, Sink& sink, const float* taps, const int* chain,
                                           int count, int top, int left, int reach) {
    __shared__ float tile[SPAN * SPAN];
    __shared__ float4 middle4[TILE * SPAN / 4];
    float* middle = (float*)middle4;
    const int side = TILE + 2 * reach;
    for (int i = threadIdx.x; i < side * side; i += THREADS) {
        const int y = i / side, x = i - y * side;
        tile[y * SPAN + x] = source(top - reach + y, left - reach + x);
    }
    __syncthreads();
    const int row = threadIdx.x / (TILE / 4), column = threadIdx.x % (TILE / 4);
    for (int j = 0; j < count; j++) {
        const int radius = __ldg(chain + 2 * j), inset = reach - radius, wide = TILE + 2 * radius;
        const int quads = radius / 2 + 1;  // (2 radius + 1 taps, three zeros) / 4
        const float4* weights = (const float4*)(taps + __ldg(chain + 2 * j + 1));
        for (int i = threadIdx.x; i < wide * (TILE / 4); i += THREADS) {
            const int group = i / wide, x = i - group * wide;
            const float* p = tile + (4 * group + inset) * SPAN + inset + x;
            Four sum;
            for (int q = 0; q < quads; q++, p += 4 * SPAN)
                sum.add(p[0], p[SPAN], p[2 * SPAN], p[3 * SPAN], __ldg(weights + q));
            float* o = middle + 4 * group * SPAN + x;
            o[0] = sum.a, o[SPAN] = sum.b, o[2 * SPAN] = sum.c, o[3 * SPAN] = sum.d;
        }
        __syncthreads();
        const float4* p = middle4 + row * (SPAN / 4) + column;
        Four sum;
        for (int q = 0; q < quads; q++) {
            const float4 v = p[q];
            sum.add(v.x, v.y, v.z, v.w, __ldg(weights + q));
        }
        sink.take(j, make_float4(sum.a, sum.b, sum.c, sum.d));
        __syncthreads();  // the middle is free again
    }
}

__device__ __forceinline__ float4 difference(float factor, float4 a, float4 b) {
    return make_float4(factor * (a.x - b.x), factor * (a.y - b.y), factor * (a.z - b.z), factor * (a.w - b.w));
}

// Running maximum over the scales of the image's own grid; the first best scale wins.
struct Maximum {
    const float* factors;
    float4 previous, best;
    int a, b, c, d;
    __device__ __forceinline__ void take(int j, float4 blurred) {
        if (j > 0) {
            const float4 v = difference(__ldg(factors + j - 1), previous, blurred);
            if (v.x > best.x) best.x = v.x, a = j - 1;
            if (v.y > best.y) best.y = v.y, b = j - 1;
            if (v.z > best.z) best.z = v.z, c = j - 1;
            if (v.w > best.w) best.w = v.w, d = j - 1;
        }
        previous = blurred;
    }
};

template <class Pixel>
__device__ void fine_of(const Pixel* pixels, int height, int width, const float* limits, const float* taps,
                        const int* chain, const float* factors, int count, int reach, int tiles_x, float* maximum,
                        u8* scale, int pitch) {
    const int top = (int)(blockIdx.x / tiles_x) * TILE, left = (int)(blockIdx.x % tiles_x) * TILE;
    const Image<Pixel> image = {pixels, height, width, limits[0], limits[2]};
    Maximum sink;
    sink.factors = factors;
    sink.previous = make_float4(0, 0, 0, 0);
    sink.best = make_float4(LEAST, LEAST, LEAST, LEAST);
    sink.a = sink.b = sink.c = sink.d = 0;
    blur_chain(image, sink, taps, chain, count, top, left, reach);
    const int y = top + threadIdx.x / (TILE / 4), x = left + threadIdx.x % (TILE / 4) * 4;
    if (y < height && x < width) {  // the pitch is a multiple of four: the quadruple stays in its row
        const i64 at = (i64)y * pitch + x;
        *(float4*)(maximum + at) = sink.best;
        *(u32*)(scale + at) = (u32)sink.a | (u32)sink.b << 8 | (u32)sink.c << 16 | (u32)sink.d << 24;
    }
}

// Differences of Gaussians of one level, each into its own plane.
struct Planes {
    const float* factors;
    float* out;
    i64 stride;
    int inside;
    float4 previous;
    __device__ __forceinline__ void take(int j, float4 blurred) {
        if (j > 0 && inside) *(float4*)(out + (j - 1) * stride) = difference(__ldg(factors + j - 1), previous, blurred);
        previous = blurred;
    }
};

// jobs: first block, tiles a row, base (offset, height, width, pitch), plane (offset, height, width, pitch), stride of
// the planes, place in the chain, Gaussians, reach.
extern "C" __global__ void __launch_bounds__(THREADS) coarse(const float* pyramid, const i64* jobs, int count,
        const float* taps, const int* chain, const float* factors, float* planes) {
    const i64* job = jobs;
    for (int i = 1; i < count && jobs[(i64)i * JOB] <= (i64)blockIdx.x; i++) job = jobs + (i64)i * JOB;
    const int at = (int)((i64)blockIdx.x - job[0]), tiles_x = (int)job[1];
    const int top = at / tiles_x * TILE, left = at % tiles_x * TILE;  // of the plane
    const Grid base = {pyramid + job[2], (int)job[3], (int)job[4], (int)job[5]};
    const int place = (int)job[11];
    const int y = top + threadIdx.x / (TILE / 4), x = left + threadIdx.x % (TILE / 4) * 4;
    Planes sink;
    sink.factors = factors + place;
    sink.out = planes + job[6] + (i64)y * job[9] + x;
    sink.stride = job[10];
    sink.inside = y < job[7] && x < job[8];
    sink.previous = make_float4(0, 0, 0, 0);
    blur_chain(base, sink, taps, chain + 2 * place, (int)job[12], top - BEFORE, left - BEFORE, (int)job[13]);
}

// The next level of the pyramid: an even Gaussian around the corner of each 2x2 cell.
template <class Source>
__device__ __forceinline__ void halve_source(const Source& source, const float* taps, float* out, int height, int width,
                                             int pitch, int tiles_x) {
    __shared__ float tile[HALVE_SPAN * HALVE_SPAN];
    __shared__ float middle[TILE * HALVE_SPAN];
    const int top = (int)(blockIdx.x / tiles_x) * TILE, left = (int)(blockIdx.x % tiles_x) * TILE;
    for (int i = threadIdx.x; i < HALVE_SPAN * HALVE_SPAN; i += THREADS) {
        const int y = i / HALVE_SPAN, x = i - y * HALVE_SPAN;
        tile[i] = source(2 * top - (HALF - 1) + y, 2 * left - (HALF - 1) + x);
    }
    __syncthreads();
    for (int i = threadIdx.x; i < TILE * HALVE_SPAN; i += THREADS) {
        const int y = i / HALVE_SPAN, x = i - y * HALVE_SPAN;
        const float* p = tile + 2 * y * HALVE_SPAN + x;
        float sum = 0;
#pragma unroll
        for (int k = 0; k < HALF; k++)
            sum = fmaf(__ldg(taps + k), p[(HALF - 1 - k) * HALVE_SPAN] + p[(HALF + k) * HALVE_SPAN], sum);
        middle[i] = sum;
    }
    __syncthreads();
    for (int i = threadIdx.x; i < TILE * TILE; i += THREADS) {
        const int y = i / TILE, x = i - y * TILE;
        const float* p = middle + y * HALVE_SPAN + 2 * x;
        float sum = 0;
#pragma unroll
        for (int k = 0; k < HALF; k++) sum = fmaf(__ldg(taps + k), p[HALF - 1 - k] + p[HALF + k], sum);
        if (top + y < height && left + x < width) out[(i64)(top + y) * pitch + left + x] = sum;
    }
}

extern "C" __global__ void __launch_bounds__(THREADS) halve(const float* base, int base_height, int base_width,
        int base_pitch, const float* taps, float* out, int height, int width, int pitch, int tiles_x) {
    const Grid source = {base, base_height, base_width, base_pitch};
    halve_source(source, taps, out, height, width, pitch, tiles_x);
}

// -- up to full resolution, maximum, peaks ------------------------------------------------------------------------------

// A thread owns a column of ROWS pixels with one more above and below; a warp owns 32 columns, of which the outer two
// are only looked at. Output rows start at multiples of ROWS, so where a level's cell is at most ROWS pixels high each
// row's cell and phase are known when this is compiled.
struct Column {
    float best[ROWS + 2];
    u32 scale[ROWS / 4];  // four to a word: registers decide how many warps run at once
    __device__ __forceinline__ void put_scale(int r, u32 which) {
        if (r < 1 || r > ROWS) return;
        const int word = (r - 1) / 4, shift = (r - 1) % 4 * 8;
        scale[word] = (scale[word] & ~(255u << shift)) | which << shift;
    }
    __device__ __forceinline__ u32 scale_at(int r) const { return scale[(r - 1) / 4] >> (r - 1) % 4 * 8 & 255u; }
    __device__ __forceinline__ void offer(int r, float v, u32 which) {
        if (v > best[r]) best[r] = v, put_scale(r, which);
    }
};

// The plane's values at one full-resolution column: COUNT coarse rows, four before cell `first` and on, by eight
// horizontal taps. A plane begins four cells before the image and ends four after it, so that only rows of pixels below
// the image, which nobody keeps, could lie outside it.
template <int COUNT>
__device__ __forceinline__ void across(const Grid& plane, int s, int first, int x, const float* rise, float* out) {
    const int cell = x / s, phase = x - cell * s, start = cell + (2 * phase + 1 >= s);
    const float* taps = rise + (s + phase) * 8;
    float w[8];
#pragma unroll
    for (int k = 0; k < 8; k++) w[k] = __ldg(taps + k);
#pragma unroll
    for (int r = 0; r < COUNT; r++) {
        const float* p = plane.values + (i64)min(first + r, plane.height - 1) * plane.pitch + start;
        float sum = 0;
#pragma unroll
        for (int k = 0; k < 8; k++) sum = fmaf(w[k], __ldg(p + k), sum);
        out[r] = sum;
    }
}

__host__ __device__ constexpr int cell_of(int row, int s) { return (row + s) / s - 1; }  // row >= -s

template <int S>
__device__ __forceinline__ void climb_by(const Grid& plane, int x, int top, const float* rise, u32 which, Column& mine) {
    float c[ROWS / S + 8];
    across<ROWS / S + 8>(plane, S, top / S, x, rise, c);
#pragma unroll
    for (int r = 0; r < ROWS + 2; r++) {
        const int cell = cell_of(r - 1, S), phase = r - 1 - cell * S, start = cell + (2 * phase + 1 >= S);
        float v = 0;
#pragma unroll
        for (int k = 0; k < 8; k++) v = fmaf(RISE[S + phase][k], c[start + k], v);
        mine.offer(r, v, which);
    }
}

// Cells of ROWS pixels or higher: all rows lie in one cell, the two outer ones perhaps in its neighbours.
__device__ __forceinline__ void climb_high(const Grid& plane, int s, int x, int top, const float* rise, u32 which,
                                           Column& mine) {
    float c[9];
    const int middle = top / s;
    across<9>(plane, s, middle, x, rise, c);
#pragma unroll
    for (int r = 0; r < ROWS + 2; r++) {
        const int y = top + r - 1, cell = (y + s) / s - 1, phase = y - cell * s;
        const int next = cell - middle + (2 * phase + 1 >= s);  // 0 or 1
        const float* w = rise + (s + phase) * 8;
        float v = 0;
#pragma unroll
        for (int k = 0; k < 8; k++) v = fmaf(__ldg(w + k), next ? c[k + 1] : c[k], v);
        mine.offer(r, v, which);
    }
}

// items: plane (offset, height, width, pitch), cell, scale.
__device__ __forceinline__ void climb_all(const float* planes, const i64* items, int count, const float* rise,
                                          const float* maximum, const u8* scale, int seen, int height, int width,
                                          int pitch, int x, int top, Column& mine) {
#pragma unroll
    for (int i = 0; i < ROWS / 4; i++) mine.scale[i] = 0;
#pragma unroll
    for (int r = 0; r < ROWS + 2; r++) {
        const int y = top + r - 1;
        const bool read = seen && y >= 0 && y < height;
        mine.best[r] = read ? maximum[(i64)y * pitch + x] : LEAST;
        if (read) mine.put_scale(r, scale[(i64)y * pitch + x]);
    }
    for (int i = 0; i < count; i++, items += ITEM) {
        const Grid plane = {planes + items[0], (int)items[1], (int)items[2], (int)items[3]};
        const int s = (int)items[4];
        const u32 which = (u32)items[5];
        if (s == 2)
            climb_by<2>(plane, x, top, rise, which, mine);
        else if (s == 4)
            climb_by<4>(plane, x, top, rise, which, mine);
        else if (s == 8)
            climb_by<8>(plane, x, top, rise, which, mine);
        else
            climb_high(plane, s, x, top, rise, which, mine);
    }
}

// Where this thread's column is. Lanes outside the image work on its nearest column and keep nothing.
struct Place {
    int column, top, x;
    bool inside;
    __device__ __forceinline__ Place(int tiles_x, int width) {
        const int warp = (int)(blockIdx.x % tiles_x) * (CLIMBERS / 32) + (int)threadIdx.x / 32, lane = threadIdx.x & 31;
        top = (int)(blockIdx.x / tiles_x) * ROWS;
        column = warp * COLUMNS + lane - 1;
        x = column < 0 ? 0 : column >= width ? width - 1 : column;
        inside = column >= 0 && column < width;
    }
};

extern "C" __global__ void __launch_bounds__(CLIMBERS, 5) climb(const float* planes, const i64* items, int count,
        const float* rise, float* maximum, u8* scale, int seen, int height, int width, int pitch, int tiles_x) {
    const Place place(tiles_x, width);
    const int lane = threadIdx.x & 31;
    if (place.column - lane >= width) return;  // a whole warp leaves; nobody waits for it below
    Column mine;
    climb_all(planes, items, count, rise, maximum, scale, seen, height, width, pitch, place.x, place.top, mine);
    if (!place.inside || lane == 0 || lane == 31) return;
#pragma unroll
    for (int r = 1; r <= ROWS; r++) {
        const int y = place.top + r - 1;
        if (y < height) {
            maximum[(i64)y * pitch + place.x] = mine.best[r];
            scale[(i64)y * pitch + place.x] = (u8)mine.scale_at(r);
        }
    }
}

// floors: for each scale, what a response must exceed, then what it must exceed once divided by the stretch.
// entries: (row * width + column, bits of the response) of each peak, in any order; beyond the capacity only counted.
extern "C" __global__ void __launch_bounds__(CLIMBERS, 5) peaks(const float* planes, const i64* items, int count,
        const float* rise, const float* maximum, const u8* scale, int seen, int height, int width, int pitch,
        int tiles_x, const float* floors, int scales, u32* result, u32* entries, u8* entry_scales, u32 capacity) {
    const Place place(tiles_x, width);
    const int lane = threadIdx.x & 31;
    if (place.column - lane >= width) return;  // a whole warp leaves; nobody waits for it below
    Column mine;
    climb_all(planes, items, count, rise, maximum, scale, seen, height, width, pitch, place.x, place.top, mine);
    if (place.top == 0) mine.best[0] = LEAST;
    const float stretch = __uint_as_float(result[3]);
    u32 kept = 0;
#pragma unroll
    for (int r = 1; r <= ROWS; r++) {
        const int y = place.top + r - 1;
        const float v = mine.best[r], below = y + 1 < height ? mine.best[r + 1] : LEAST;
        const float beside = fmaxf(mine.best[r - 1], below), tallest = place.inside ? fmaxf(v, beside) : LEAST;
        const float left = __shfl_up_sync(EVERY_LANE, tallest, 1), right = __shfl_down_sync(EVERY_LANE, tallest, 1);
        if (place.inside && lane > 0 && lane < 31 && y < height && v >= beside && v >= left && v >= right) {
            const u32 s = mine.scale_at(r);
            if (v > fmaxf(__ldg(floors + s), __ldg(floors + scales + s) * stretch)) kept |= 1u << r;
        }
    }
    const u32 own = __popc(kept);
    u32 upto = own;
    for (int step = 1; step < 32; step *= 2) {
        const u32 other = __shfl_up_sync(EVERY_LANE, upto, step);
        if (lane >= step) upto += other;
    }
    u32 base = 0;
    if (lane == 31 && upto) base = atomicAdd(result, upto);
    base = __shfl_sync(EVERY_LANE, base, 31) + upto - own;
#pragma unroll
    for (int r = 1; r <= ROWS; r++)
        if (kept >> r & 1u) {
            if (base < capacity) {
                entries[2 * (i64)base] = (u32)((i64)(place.top + r - 1) * width + place.x);
                entries[2 * (i64)base + 1] = __float_as_uint(mine.best[r]);
                entry_scales[base] = (u8)mine.scale_at(r);
            }
            base++;
        }
}

// -- what counts of the list, by scale and by block: the arithmetic of measure/gate.py, operation by operation ----------

// Mean grey value of the 5x5 pixels around a peak, moved inside where they would leave the image.
template <class Pixel>
__device__ __forceinline__ float brightness(const Pixel* pixels, int height, int width, int y, int x) {
    y = y < 2 ? 2 : y > height - 3 ? height - 3 : y;
    x = x < 2 ? 2 : x > width - 3 ? width - 3 : x;
    float total = 0;
    for (int down = -2; down <= 2; down++)
        for (int right = -2; right <= 2; right++) total += (float)pixels[(i64)(y + down) * width + x + right];
    return total / 25.0f;
}

// rule: whether there is one, the least contrast, read variance, gain. planes: minima and maxima of the blocks.
// counted: peaks of each scale, then of each block.
template <class Pixel>
__device__ void tally_of(const Pixel* pixels, int height, int width, const u32* result, const u32* entries,
                         const u8* entry_scales, u32 capacity, const float* rule, const float* need,
                         const float* sigma, const u8* mask, const float* minima, const float* maxima, int rows,
                         int columns, int scales, u32* counted) {
    __shared__ u32 of_scale[256];
    for (int i = threadIdx.x; i < scales; i += THREADS) of_scale[i] = 0;
    __syncthreads();
    const u32 count = result[0] < capacity ? result[0] : capacity;
    const float range = __uint_as_float(result[2]) - __uint_as_float(result[1]);
    const bool gated = rule[0] != 0.0f;
    const float least = rule[1], read = rule[2], gain = rule[3];
    for (u32 i = blockIdx.x * THREADS + threadIdx.x; i < count; i += gridDim.x * THREADS) {
        const u32 place = entries[2 * (i64)i], scale = entry_scales[i];
        const int y = (int)(place / (u32)width), x = (int)(place - (u32)y * (u32)width);
        const int block = min(y / BLOCK, rows - 1) * columns + min(x / BLOCK, columns - 1);
        bool keep = true;
        if (gated) {
            const float response = __uint_as_float(entries[2 * (i64)i + 1]) * range, needed = need[scale];
            keep = mask[block] && response > fmaxf(needed * sigma[block], least);
            if (keep) {
                const float extreme = gain > 0 ? maxima[block] : minima[block];
                if (response <= needed * sqrtf(fmaxf(read + gain * extreme, 0.0f))) {
                    const float there = brightness(pixels, height, width, y, x);
                    keep = response > needed * sqrtf(fmaxf(read + gain * there, 0.0f));
                }
            }
        }
        if (keep) {
            atomicAdd(&of_scale[scale], 1u);
            atomicAdd(&counted[scales + block], 1u);
        }
    }
    __syncthreads();
    for (int i = threadIdx.x; i < scales; i += THREADS)
        if (of_scale[i]) atomicAdd(&counted[i], of_scale[i]);
}

// -- one of each for every kind of pixel ----------------------------------------------------------------------------------

#define FOR_PIXEL(NAME, PIXEL)                                                                                          \
    extern "C" __global__ void __launch_bounds__(THREADS) digits_##NAME(const PIXEL* pixels, i64 size, int shift,       \
            int first, const u32* state, u32* bins) {                                                                   \
        digits_of(pixels, size, shift, first, state, bins);                                                             \
    }                                                                                                                   \
    extern "C" __global__ void __launch_bounds__(THREADS) census_##NAME(const PIXEL* pixels, i64 size, u32* counts,     \
            u32* ends) {                                                                                                \
        census_of(pixels, size, counts, ends);                                                                          \
    }                                                                                                                   \
    extern "C" __global__ void __launch_bounds__(THREADS) blocks_##NAME(const PIXEL* pixels, int width, int rows,       \
            int columns, float* out, u32* ends) {                                                                       \
        blocks_of(pixels, width, rows, columns, out, ends);                                                             \
    }                                                                                                                   \
    extern "C" __global__ void __launch_bounds__(THREADS) shares_##NAME(const PIXEL* pixels, int width, int rows,       \
            int columns, float* out, const u32* ends) {                                                                 \
        shares_of(pixels, width, rows, columns, out, ends);                                                             \
    }                                                                                                                   \
    extern "C" __global__ void __launch_bounds__(THREADS) tally_##NAME(const PIXEL* pixels, int height, int width,      \
            const u32* result, const u32* entries, const u8* entry_scales, u32 capacity, const float* rule,             \
            const float* need, const float* sigma, const u8* mask, const float* minima, const float* maxima, int rows,  \
            int columns, int scales, u32* counted) {                                                                    \
        tally_of(pixels, height, width, result, entries, entry_scales, capacity, rule, need, sigma, mask, minima,       \
                 maxima, rows, columns, scales, counted);                                                               \
    }                                                                                                                   \
    extern "C" __global__ void __launch_bounds__(THREADS) fine_##NAME(const PIXEL* pixels, int height, int width,       \
            const float* limits, const float* taps, const int* chain, const float* factors, int count, int reach,       \
            int tiles_x, float* maximum, u8* scale, int pitch) {                                                        \
        fine_of(pixels, height, width, limits, taps, chain, factors, count, reach, tiles_x, maximum, scale, pitch);     \
    }                                                                                                                   \
    extern "C" __global__ void __launch_bounds__(THREADS) halve_##NAME(const PIXEL* pixels, int base_height,            \
            int base_width, const float* limits, const float* taps, float* out, int height, int width, int pitch,       \
            int tiles_x) {                                                                                              \
        const Image<PIXEL> source = {pixels, base_height, base_width, limits[0], limits[2]};                            \
        halve_source(source, taps, out, height, width, pitch, tiles_x);                                                 \
    }

FOR_PIXEL(uint8, u8)
FOR_PIXEL(uint16, u16)
FOR_PIXEL(float32, float)
