"""Every format out. Start at `registry.export_scenes`; an exporter reads through `source.ExportSource`."""
