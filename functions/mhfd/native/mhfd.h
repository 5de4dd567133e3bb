/* What every C file of the kernel shares. The ABI is plain C, called by ctypes from __init__.py. */
#ifndef MHFD_H
#define MHFD_H

#include <stdint.h>

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#endif
