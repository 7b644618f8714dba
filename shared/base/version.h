#ifndef SHARED_BASE_VERSION_H
#define SHARED_BASE_VERSION_H

/* The release; CMake's project() says the same, and a test compares the two. */
#define MUSTER_VERSION "0.1.0"

#endif
