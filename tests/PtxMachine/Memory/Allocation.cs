namespace HeadTap.PtxMachine;

/// <summary>A piece of device memory.</summary>
/// <param name="Start">Its address.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Shadow">Two records for each of its words; see <see cref="ShadowRecord"/>.</param>
readonly record struct Allocation(nint Start, long Bytes, nint Shadow);
