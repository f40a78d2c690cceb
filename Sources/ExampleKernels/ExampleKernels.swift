/// Kernels that show the kernel language, from one line to a matrix product at the tensor core's speed.
public enum ExampleKernels {}
