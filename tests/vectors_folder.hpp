#pragma once

/// The folder tests/vectors of this clone, without a slash at the end.  One object file holds it, so that the others are the same wherever the clone lies.
extern const char* const kVectors;
