using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>A folder without weights that we read says which it has, and what to do.</summary>
sealed class WeightFilesTests
{
    [TestCase("model.ckpt.index"), TestCase("model.ckpt-30000.index"), TestCase("gpt2.ckpt.index")]
    [TestCase("model-30000.index")]
    public void A_checkpoint_of_TensorFlow_is_called_so(string index)
    {
        using var folder = new TemporaryFolder();
        ModelConfig.Tiny.Write(folder["config.json"]);
        string stem = Path.GetFileNameWithoutExtension(index);
        // Its other files are there too, and one with an ending of other weights.
        foreach (string file in (string[])
            [index, stem + ".meta", stem + ".data-00000-of-00001", "checkpoint", "old.bin"])
            folder.Write(file, "");
        string line = $"{folder.Path}: has {index}, a checkpoint of TensorFlow as OpenAI published GPT-2, "
            + "which is not read; convert the folder with Transformers "
            + "(convert_gpt2_original_tf_checkpoint_to_pytorch), and save safetensors";
        Assert.That(WeightFiles.Others(folder.Path), Is.EqualTo(line));
        Assert.That(Assert.Throws<UserException>(() => WeightFiles.Find(folder.Path))!.Message,
            Is.EqualTo(line));
    }

    [TestCase("vocab.index"), TestCase("model.index"), TestCase("model.ckpt.meta")]
    public void Other_indices_are_none(string file)
    {
        using var folder = new TemporaryFolder();
        folder.Write(file, "");
        Assert.That(WeightFiles.Others(folder.Path), Is.Null);
    }

    [TestCase("tf_model.h5", "has only tf_model.h5, which is not supported; convert it to "
        + "model.safetensors.")]
    [TestCase("flax_model.msgpack",
        "has only flax_model.msgpack, which is not supported; convert it to model.safetensors.")]
    public void Weights_of_other_programs_are_named(string file, string line)
    {
        using var folder = new TemporaryFolder();
        folder.Write(file, "");
        Assert.That(WeightFiles.Others(folder.Path), Is.EqualTo($"{folder.Path}: {line}"));
    }
}
