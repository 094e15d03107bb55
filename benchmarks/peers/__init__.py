"""The other libraries, an adapter of its own file each; `benchmarks.contenders` lists them."""
