// Exists so that the precompiled headers of tests have targets of their own, which the tests reuse.
