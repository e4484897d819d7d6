using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>The last token of each row, which goes through the end of the last block alone.</summary>
/// <param name="Ids">[B]: its row among the batch's [B T].</param>
/// <param name="Activations">Room for [B, 1] tokens.</param>
sealed record LastRows(IndexTensor Ids, DecoderActivations Activations);
