#pragma once

// BTCAI_VECTOR_CLONES in front of a function compiles it for the vector units that processors have; which is run is chosen when the
// program starts. Sanitizers come too late for that choice, so under them there is one version.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define BTCAI_HAS_VECTOR_CLONES 1
#define BTCAI_VECTOR_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define BTCAI_VECTOR_CLONES
#endif

namespace btcai {

/// How many floats a register holds in the version that is run: 16, 8 or 4. Vectors that are longer than a register go through memory.
inline int vectorFloats()
{
#ifdef BTCAI_HAS_VECTOR_CLONES
    static const int floats = __builtin_cpu_supports("x86-64-v4") ? 16 : __builtin_cpu_supports("x86-64-v3") ? 8 : 4;
    return floats;
#else
    return 4;
#endif
}

} // namespace btcai
